"""A source is silent when it was looked at and had nothing new for longer than its own rhythm."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.tables import sites_table
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from devtools.json_answers import ANSWERS
from devtools.source_history import fetched, had_news

Capture = pytest.CaptureFixture[str]
SITE = "alameda.ca"
DAILY, WEEKLY = range(20, 0, -1), range(70, 0, -7)


def silent(capsys: Capture) -> dict[str, float]:
    """Return {site: days of silence}."""
    capsys.readouterr()
    assert main(["sites", "silent", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(list(row) == ANSWERS["sites silent"][1].split() for row in rows)
    return {row["subdomain"]: row["silent_days"] for row in rows}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (DAILY, None),
        (WEEKLY, None),
        ([day + 3 for day in DAILY], 4),  # a day at a time, and now four
        ([day + 5 for day in WEEKLY], None),  # 12 days: less than two weeks
        ([day + 9 for day in WEEKLY], 16),
        ([200, 193, 186, 120, 113, 106, 60], None),  # a summer break is usual
        ([200, 193, 186, 120, 113, 106, 90], 90),
        ([40, 39, 38, 37], None),  # too little is known
        ([500, 490, 480, 470, 460, 450], None),  # too long ago
    ],
)
def test_by_its_own_rhythm(engine: Engine, capsys: Capture, days: Sequence[float], expected: float | None) -> None:
    with transaction(engine) as connection:
        had_news(connection, SITE, days)
    assert silent(capsys) == ({} if expected is None else {SITE: pytest.approx(expected, abs=0.1)})


@pytest.mark.every_database
def test_what_counts_as_news(engine: Engine, capsys: Capture) -> None:
    """What was revised, and where the fetcher reports nothing, what was to be read."""
    with transaction(engine) as connection:
        had_news(connection, SITE, [day + 20 for day in DAILY])
    assert silent(capsys)
    with transaction(engine) as connection:
        fetched(connection, SITE, 2, fetch_site={"fetched": 0}, coordinator={"documents": 9})
    assert silent(capsys), "they are read again"
    with transaction(engine) as connection:
        fetched(connection, SITE, 2, fetch_site={}, coordinator={"documents": 9})
    assert silent(capsys) == {}


def test_a_revision_is_news(engine: Engine, capsys: Capture) -> None:
    with transaction(engine) as connection:
        had_news(connection, SITE, [day + 20 for day in DAILY])
        fetched(connection, SITE, 1, fetch_site={"fetched": 0, "revised": 1})
    assert silent(capsys) == {}


def test_only_what_was_looked_at_and_is_not_paused(engine: Engine, capsys: Capture) -> None:
    with transaction(engine) as connection:
        had_news(connection, SITE, [day + 20 for day in DAILY])
    assert main(["pause", "site", SITE, "--reason", "moves"]) == 0
    assert silent(capsys) == {}
    assert main(["resume", "site", SITE]) == 0
    assert silent(capsys)
    with transaction(engine) as connection:
        old = "2020-01-01T00:00:00"
        connection.execute(sa.update(sites_table).values(last_updated=old))
    assert silent(capsys) == {}, "no fetch has looked since"
