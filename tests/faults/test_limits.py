"""Limits and turns over two workers, one of which is killed: what may not happen does not, and all of it is done."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clerk.jobs import JobRequest
from clerk_tasks import dispatcher
from devtools.processes import wait_for
from devtools.system import SITE, System, children_of

#: As many as take two children some seconds: the second worker's need a moment to start.
BURST = 160


def most_at_once(lines: list[str]) -> int:
    """Return how many processes were between a beginning and an end at once."""
    inside: set[str] = set()
    most = 0
    for line in lines:
        word, pid = line.split()
        (inside.add if word == "begins" else inside.discard)(pid)
        most = max(most, len(inside))
    return most


@pytest.mark.fault("F30")
def test_a_burst_with_a_limit_holds_up_nothing_and_outlives_a_kill(every_database: System) -> None:
    """River Pro's limit halved a throughput, Oban Pro's let a burst of one key hold up everybody."""
    system = every_database
    workers = [system.worker("-c", "2") for _ in range(2)]
    for job_id in [system.enqueue("gated") for _ in range(4)]:
        system.wait_until_began(job_id)  # all children are there
    system.open_gate()
    limited = dispatcher.enqueue_many([JobRequest("pairs", SITE, {"key": f"pair-{n}"}) for n in range(BURST)]).job_ids
    others = dispatcher.enqueue_many([JobRequest("note", SITE, {"key": f"note-{n}"}) for n in range(10)]).job_ids
    system.wait_for_end(*others)
    done_then = sum(system.job(job_id)["state"] == "completed" for job_id in limited)
    assert done_then < BURST, "the others did not wait for the burst"
    killed = {str(child.pid) for child in children_of(workers[0])}
    workers[0].destroy()
    assert set(system.wait_for_end(*limited, deadline=90)) == {"completed"}
    lines = [line for line in system.lines(".pairs") if line.split()[1] not in killed]
    assert most_at_once(lines) <= 2
    assert most_at_once(list(system.lines(".pairs"))[: 2 * done_then]) <= 2
    assert set(system.effects()) >= set(limited)
    system.check()


@pytest.mark.fault("F30")
def test_a_single_job_of_another_site_does_not_wait_for_a_burst(every_database: System) -> None:
    system = every_database
    with system.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO sites (subdomain, name, state) VALUES ('b.ca', 'B', 'CA')"))
    burst = dispatcher.enqueue_many([JobRequest("note", SITE, {"key": f"note-{n}"}) for n in range(300)]).job_ids
    single = dispatcher.enqueue(JobRequest("note", "b.ca", {"key": "single"})).job_ids[0]
    system.worker("-c", "1")
    system.wait_for_end(single)
    wait_for(lambda: system.effects()[single], "its effect")
    order = [line.split()[1] for line in system.lines("")]
    assert order.index(single) <= 4
    assert set(system.wait_for_end(*burst, deadline=60)) == {"completed"}
