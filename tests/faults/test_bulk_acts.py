"""An act on many jobs that is stopped or killed: what is done stays done, and its row says how far it came."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from clerk.database.transactions import transaction
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.operations.acts import list_acts, stop_act
from devtools.processes import Program
from devtools.system import SITE, System

JOBS = 180_000


def begin(system: System) -> Program:
    """Cancel very many jobs by a filter; return once some are cancelled."""
    new_jobs = [NewJob(job_type="note", subdomain=SITE) for _ in range(JOBS)]
    with transaction(system.engine) as connection:
        stage = NewStage(name="pieces", jobs=new_jobs)
        record_run(connection, "many", subdomain=SITE, pipeline="note", new_stages=[stage])
    program = system.programs.clerk("jobs", "cancel", "--job-type", "note", "--reason", "too many")
    program.wait_for_log("jobs cancelled", deadline=60)
    return program


def counted(system: System) -> int:
    """Return how many jobs are cancelled."""
    with system.engine.connect() as connection:
        return int(queries.count_states(connection)["cancelled"] or 0)


def act() -> dict[str, Any]:
    """Return the only act."""
    (found,) = list_acts()
    return found


@pytest.mark.fault("F24")
@pytest.mark.parametrize("how", ["Ctrl-C", "acts stop"])
def test_what_a_stopped_act_has_done_stays_done(every_database: System, how: str) -> None:
    program = begin(every_database)
    if how == "Ctrl-C":
        assert program.popen is not None
        program.popen.send_signal(signal.SIGINT)
    else:
        assert stop_act(act()["id"])["state"] == "running"
    assert program.wait(deadline=30) == 130, program.log
    row = act()
    assert (row["state"], row["matched"], row["reason"]) == ("stopped", JOBS, "too many")
    assert 1000 <= row["done"] < JOBS
    assert row["done"] == counted(every_database)
    assert f"{row['done']} of {JOBS} jobs are cancelled" in program.log


@pytest.mark.fault("F24")
def test_the_row_of_a_killed_act_says_how_far_it_came(every_database: System) -> None:
    program = begin(every_database)
    program.kill()
    row = act()
    assert (row["state"], row["ended_at"]) == ("interrupted", None)
    assert 1000 <= row["done"] < JOBS
    assert row["done"] == counted(every_database)
    again = every_database.programs.clerk("jobs", "cancel", "--job-type", "note", "--json")
    assert again.wait(deadline=60) == 0, again.log
    assert counted(every_database) == JOBS
