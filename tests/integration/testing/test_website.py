"""A city's website made of plain data, visited by a job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clerk import hookimpl
from clerk.fetching.visitor import VisitLimits, Visitor
from clerk.testing import Harness, Reply, Request, Website, each_crash, run_job


def visit(subdomain: str, *, urls: list[str]) -> list[Any]:
    visitor = Visitor(limits=VisitLimits(pause=60, patience=60))
    answers = [visitor.request("GET", url) for url in urls]
    return [[answer.headers["content-type"], answer.text] for answer in answers]


class Visits:
    @hookimpl
    def register_job_types(self) -> dict[str, object]:
        return {"visit": visit}


@pytest.fixture(autouse=True)
def harness(clerk_harness: Harness) -> Harness:
    clerk_harness.add_plugin(Visits)
    return clerk_harness


def test_pages_files_and_json_are_plain_data(clerk_website: Website) -> None:
    def asked(request: Request) -> dict[str, str]:
        return {"asked": request.path}

    clerk_website.routes |= {"/": "<h1>Alameda</h1>", "/events": [1, 2], "/a.txt": b"text", "/asked": asked}
    paths = ["/", "/events", "/a.txt", "/asked?x=1"]
    job = run_job("visit", "alameda.ca", urls=[f"{clerk_website.url}{path}" for path in paths])
    assert {text: kind.partition(";")[0] for kind, text in job.result} == {
        "<h1>Alameda</h1>": "text/html",
        "[1, 2]": "application/json",
        "text": "text/plain",
        json.dumps({"asked": "/asked?x=1"}): "application/json",
    }
    assert clerk_website.paths() == ["/", "/events", "/a.txt", "/asked"]


def test_an_error_that_passes_is_retried_without_waiting(clerk_website: Website) -> None:
    url = clerk_website.publish("/page", "at last")
    clerk_website.script["/page"] = [Reply(status=503), Reply(status=429, headers={"Retry-After": "7"})]
    job = run_job("visit", "alameda.ca", urls=[url])
    assert job.result[0][1] == "at last"
    assert 7 in job.waits
    assert [request.status for request in clerk_website.requests] == [503, 429, 200]


def test_each_request_is_a_point_to_crash_at(clerk_website: Website) -> None:
    url = clerk_website.publish("/page", "here")
    host = url.split("/")[2]
    crashes = [job.crash for job in each_crash("visit", "alameda.ca", urls=[url])]
    assert crashes == [None, f"before a request to {host}", f"after a request to {host}", "before the end is recorded"]
    assert len(clerk_website.requests) == 1 + 1 + 2 + 2


def test_the_threads_of_a_website_are_not_left_by_a_job(
    clerk_website: Website, caplog: pytest.LogCaptureFixture
) -> None:
    url = clerk_website.publish("/page", "here")
    assert all(run_job("visit", "alameda.ca", urls=[url]).completed for _ in range(20))
    assert "left threads behind" not in caplog.text
