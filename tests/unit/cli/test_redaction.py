"""Secrets are taken out of logs and errors by their shape, and prose is left alone."""

from __future__ import annotations

import json
import time

import pytest

from clerk.redaction import redact


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("redis://:hunter2@host/0", "redis://:***@host/0"),
        ("postgresql://me:hunter2@db/civic is away", "postgresql://me:***@db/civic is away"),
        ("GET /events?token=hunter2&$top=1", "GET /events?token=***&$top=1"),
        ("CLERK_API_KEY=hunter2 was set", "CLERK_API_KEY=*** was set"),
        ("connect(password='hunter 2', port=1)", "connect(password='***', port=1)"),
        ("{'client_secret': 'hunter2', 'a': 1}", "{'client_secret': '***', 'a': 1}"),
        ("{'Authorization': 'Bearer hunter2'}", "{'Authorization': '***'}"),
        ("Authorization: Bearer hunter2.x-y", "Authorization: Bearer ***"),
        ("authorization: basic aHVudGVyMg==", "authorization: basic ***"),
        ("X-Auth-Token: hunter", "X-Auth-Token: ***"),
        ("password: hunter2", "password: ***"),
        ("redis://:p@ss@host/0", "redis://:***@host/0"),
        ("postgresql://me@db/civic?password=hunter2&sslmode=x", "postgresql://me@db/civic?password=***&sslmode=x"),
        ("GET /blob?sv=1&sig=hunter2", "GET /blob?sv=1&sig=***"),
        ("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=***"),
        ("accessToken=hunter2", "accessToken=***"),
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text: str, left: str) -> None:
    assert redact(text) == left
    inside = json.loads(redact(json.dumps({"message": text})))  # as a line of a JSON log
    assert inside == {"message": left}


@pytest.mark.parametrize(
    "text",
    [
        "it needs a password: put a copy without one in its place",
        "access refused: it may want a token, or answer browsers only",
        "Authorization: the council authorized the mayor to sign",
        "Spending authorization: 412,000 dollars; no secret: it was in the newspaper",
        "A token: of our gratitude. Passwords must be changed.",
        "key=value, tokens=5",
        "GET /events?$skiptoken=500&$top=100",
        "GET /list?page_token=abc&nextPageToken=def&continuation-token=g",
        "design=new, assign=me",
        "https://city.example:8080/a@b",
    ],
)
def test_prose_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_a_long_text_takes_no_long_time() -> None:
    began = time.monotonic()
    for word in ("x-", "token", "password: ", "://a:"):
        redact(word * 20_000)
    assert time.monotonic() - began < 2
