"""A job that is about to ask a host which an operator has paused runs later, and that is no attempt."""

from __future__ import annotations

import pytest

from clerk import pauses
from clerk.fetching.visitor import Visitor
from clerk_tasks.worker.host_visits import HOST_PAUSE
from devtools import city_site
from tests.integration.ledger.ledger import LedgerOf
from tests.integration.tasks.one_job import OneJob, run


@pytest.mark.parametrize(("seconds", "waits"), [(None, HOST_PAUSE), (60.0, 61.0), (86_400.0, HOST_PAUSE)])
def test_a_job_that_asks_a_paused_host_is_snoozed(
    on_both: LedgerOf, plugin: OneJob, seconds: float | None, waits: float
) -> None:
    """Guard: check_host in Visitor._pause, and its wait. No request is made."""
    with city_site.serving() as city:
        on_both.do(pauses.pause, "host", "127.0.0.1", reason="they asked us", by="a test", seconds=seconds)
        row = run(on_both, plugin, lambda: Visitor(allowed=[city.url]).request("GET", city.url))
        assert city.requests == []
    assert (row.state, row.max_attempts - row.attempt) == ("retryable", 3)
    assert row.error.startswith("host 127.0.0.1 is paused by a test since ")
    assert (row.due_at - row.started_at).total_seconds() == pytest.approx(waits, abs=15.0)


def test_other_hosts_are_asked(on_both: LedgerOf, plugin: OneJob) -> None:
    with city_site.serving() as city:
        city.routes["/"] = city_site.page("here")
        on_both.do(pauses.pause, "host", "localhost", reason="r", by="a test", seconds=None)
        row = run(on_both, plugin, lambda: Visitor(allowed=[city.url]).request("GET", f"{city.url}/").text)
    assert (row.state, row.result) == ("completed", "here")
