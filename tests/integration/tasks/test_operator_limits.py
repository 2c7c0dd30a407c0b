"""Limits of job types whose plugin gives none, and what becomes of a limit when jobs are rerouted."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clerk import JobRequest, pauses
from clerk.database.clock import now
from clerk.database.tables import jobs_table
from clerk.database.transactions import transaction
from clerk.jobs import Priority
from clerk_tasks import dispatcher
from clerk_tasks.operations.failures import failures
from clerk_tasks.operations.limits import list_limits, reset_limit, set_limit
from clerk_tasks.operations.pauses import list_pauses
from clerk_tasks.operations.rerouting import Rerouting, reroute_jobs
from clerk_tasks.worker.executor import Executor
from clerk_tasks.worker.relay import Relay
from devtools import claiming
from tests.integration.tasks.test_limits import QUEUE, Plugin, enqueue, plugin, relay, states, worker

__all__ = ["plugin", "relay", "worker"]


def limit_free(concurrency: int) -> dict[str, object]:
    return set_limit("free", concurrency=concurrency, rate=None, unlimited=False, reason="a weak server")


def test_an_operator_limits_a_job_type_whose_plugin_does_not(plugin: Plugin) -> None:
    """What waits and what runs already counts too."""
    first, *_ = enqueue("free", 6)
    with transaction() as connection:
        assert claiming.claim(connection, first, instance="w", pid=1, lease=60.0)
    made = limit_free(3)
    assert [made[name] for name in ("source", "concurrency", "running", "available", "held")] == [
        "operator",
        3,
        1,
        2,
        3,
    ]


def test_jobs_that_are_enqueued_after_an_operators_limit_are_held(plugin: Plugin, worker: Executor) -> None:
    """By themselves, in a run, and with others."""
    limit_free(2)
    for _ in range(3):
        assert dispatcher.enqueue(JobRequest("free", "a.ca")).published
    assert states("free") == ["available"] * 2 + ["held"]
    dispatcher.enqueue(JobRequest("free", "a.ca"), run_id="a.ca_1700000000_abcdef")
    enqueue("free", 2)
    assert states("free") == ["available"] * 2 + ["held"] * 4
    seen: list[int] = []
    plugin.act = lambda: seen.append(sum(states("free").count(state) for state in ("running", "available")))
    worker.run_slice(QUEUE)
    assert (states("free"), max(seen)) == (["completed"] * 6, 2)


def test_a_job_gets_an_operators_limit_when_it_becomes_due(plugin: Plugin, relay: Relay) -> None:
    enqueue("free", 3)
    with transaction() as connection:
        connection.execute(sa.update(jobs_table).values(state="retryable", due_at=now(-1.0)))
    limit_free(1)
    assert states("free") == ["retryable"] * 3
    relay.look()
    assert sorted(states("free")) == ["available", "held", "held"]


def test_a_transaction_that_has_not_seen_a_new_limit_goes_round_it_until_the_relays_look(
    plugin: Plugin, relay: Relay
) -> None:
    limit_free(1)
    enqueue("free", 3)
    with transaction() as connection:
        connection.execute(sa.update(jobs_table).values(state="available", limit_key=None))
    relay.look()
    assert sorted(states("free")) == ["available", "held", "held"]


def test_an_operators_limit_that_is_reset_frees_its_jobs(plugin: Plugin) -> None:
    enqueue("free", 3)
    limit_free(1)
    made = reset_limit("free")
    assert (made["concurrency"], made["source"], made["held"]) == (None, None, 0)
    assert states("free") == ["available"] * 3
    assert "free" not in [row["job_type"] for row in list_limits()]


@pytest.mark.parametrize("rerouting", [Rerouting(queue="elsewhere"), Rerouting(priority=Priority.LOW)])
def test_what_a_limit_has_admitted_stays_so_when_it_is_rerouted(plugin: Plugin, rerouting: Rerouting) -> None:
    ids = enqueue("pair", 4)
    reroute_jobs(ids, rerouting)
    assert states("pair") == ["available"] * 2 + ["held"] * 2


def test_a_pause_counts_what_a_limit_holds(plugin: Plugin, relay: Relay) -> None:
    enqueue("pair", 5)
    with transaction() as connection:
        pauses.pause(connection, "type", "pair", reason="r", by="a test", seconds=None)
    relay.look()
    assert [pause["waiting"] for pause in list_pauses()] == [5]


def test_a_retry_that_a_limit_holds_is_among_the_failures(plugin: Plugin) -> None:
    enqueue("pair", 5)
    with transaction() as connection:
        connection.execute(sa.update(jobs_table).values(error="HTTP 500", started_at=now(-60.0)))
    assert [cause["to_be_retried"] for cause in failures("1h")] == [5]
