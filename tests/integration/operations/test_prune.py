"""`db prune` deletes what is long over, whole, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.operator_tables import acts_table, deliveries_table
from clerk.database.tables import attempt_logs_table as logs
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import pauses_table
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import transaction
from clerk_tasks import dispatcher
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import attempt_logs, leases
from clerk_tasks.ledger import prune as ledger
from clerk_tasks.ledger.attempt_logs import Line, LogPart
from clerk_tasks.operations import job_retry, pruning
from devtools.ledger_laws import Ledger, check
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]
TABLES = {
    "runs": runs,
    "stages": stages,
    "jobs": jobs,
    "logs": logs,
    "attempts": attempts,
    "slots": slots,
    "workers": workers,
    "pauses": pauses_table,
    "acts": acts_table,
    "deliveries": deliveries_table,
}


def rows(engine: Engine) -> dict[str, int]:
    with transaction(engine) as connection:
        count = sa.select(sa.func.count())
        return {name: connection.execute(count.select_from(table)).scalar_one() for name, table in TABLES.items()}


def age(engine: Engine, job: str, *, days: float) -> None:
    """Make a job's run so old."""
    moment = now(-86400 * days)
    run = sa.select(jobs.c.run_id).where(jobs.c.id == job).scalar_subquery()
    with transaction(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run).values(created_at=moment))
        ended = runs.c.finished_at.is_not(None)
        connection.execute(sa.update(runs).where(runs.c.id == run, ended).values(finished_at=moment))


def test_what_is_over_goes_with_all_that_is_its_own(
    engine: Engine, enqueue: Enqueue, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    done, broken, recent = enqueue("fine"), enqueue("broken"), enqueue("fine", name="recent")
    for job in (done, broken, recent):
        work(job)
    with transaction(engine) as connection:
        for job in (done, broken, recent):
            part = LogPart(0, [Line(datetime.now(UTC), "INFO", "said")], 1)
            attempt_logs.append(connection, job, 1, [part], keep=None)
    for job, days in ((done, 31), (broken, 40), (recent, 29)):
        age(engine, job, days=days)
    before = rows(engine)
    capsys.readouterr()
    prune = ("db", "prune", "--older-than", "30", "--json")
    assert main([*prune, "--dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    others = {"slots": 0, "workers": 0, "pauses": 0, "acts": 0, "deliveries": 0}
    assert told == {"runs": 2, "stages": 2, "jobs": 2, "logs": 2, "attempts": 1, **others, "pruned": False}
    assert rows(engine) == before
    assert main([*prune]) == 2
    assert "--yes" in capsys.readouterr().err
    assert rows(engine) == before
    assert main([*prune, "--yes"]) == 0
    assert json.loads(capsys.readouterr().out) == told | {"pruned": True}
    assert rows(engine) == {name: before[name] - told[name] for name in before} | {"acts": 1}
    assert main(["jobs", "show", recent]) == 0
    assert main(["jobs", "show", broken]) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_dry_run_counts_the_oldest_of_many_runs_and_says_so(
    engine: Engine,
    enqueue: Enqueue,
    work: Work,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("a", "b", "c"):
        job = enqueue("fine", name=name)
        work(job)
        age(engine, job, days=31)
    for most, said in ((4, "Would delete 3 runs, 3 stages, 3 jobs"), (2, "Would delete at least 2 runs, 2 stages")):
        monkeypatch.setattr(ledger, "MOST_COUNTED", most)
        monkeypatch.setattr(pruning, "MOST_COUNTED", most)
        capsys.readouterr()
        assert main(["db", "prune", "--older-than", "30", "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith(said)


def test_what_has_something_left_to_do_stays(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    waits, again, joined = enqueue("fine"), enqueue("broken"), enqueue("broken")
    for job in (again, joined):
        work(job)
    with transaction(engine) as connection:
        run_id = connection.execute(sa.select(jobs.c.run_id).where(jobs.c.id == joined)).scalar_one()
    for job in (waits, again, joined):
        age(engine, job, days=400)
    job_retry.retry([again])
    dispatcher.enqueue_job("fine", "alameda.ca", run_id=run_id, name="joined")
    assert set(pruning.count(365).values()) == {0}
    assert set(pruning.prune(365).values()) == {0}
    work(again)
    assert pruning.prune(365)["jobs"] == 1
    with transaction(engine) as connection:
        check(Ledger.read(connection))


def test_what_has_begun_again_since_it_was_chosen_stays(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    again = enqueue("broken")
    work(again)
    age(engine, again, days=400)
    with transaction(engine) as connection:
        before = ledger.moment_before(connection, days=365)
        (chosen,) = ledger.next_runs(connection, before=before, after=None)
    job_retry.retry([again])
    with transaction(engine) as connection:
        assert ledger.delete_runs(connection, [chosen.id], before=before)["runs"] == 0
    assert rows(engine)["jobs"] == 1


def test_many_runs_are_deleted_in_several_transactions(
    engine: Engine, enqueue: Enqueue, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clerk_tasks.ledger.prune.BATCH", 2)
    for number in range(5):
        work(enqueue("fine", name=str(number)))
    with transaction(engine) as connection:
        connection.execute(sa.update(runs).values(created_at=now(-86400 * 9), finished_at=now(-86400 * 8)))
    assert pruning.prune(7)["runs"] == 5
    assert rows(engine) == dict.fromkeys(TABLES, 0) | {"acts": 1}


def test_of_a_schedules_slots_the_newest_stays_and_of_workers_those_that_are_alive(engine: Engine) -> None:
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": [], "job_types": [], "concurrency": 1}
    with transaction(engine) as connection:
        for name, days in (("often", 90), ("often", 60), ("often", 1), ("seldom", 90), ("seldom", 80)):
            slot = {"schedule": name, "due_at": now(-86400 * days), "fate": "nothing", "jobs": [], "decided_at": now()}
            connection.execute(sa.insert(slots).values(slot))
        for instance in ("stopped", "silent", "alive"):
            leases.register_worker(connection, instance=instance, **facts)
        leases.worker_stopped(connection, "stopped")
        old = workers.c.instance != "alive"
        connection.execute(sa.update(workers).where(old).values(seen_at=now(-86400 * 31)))
    pruned = pruning.prune(30)
    assert (pruned["slots"], pruned["workers"]) == (3, 2)
    with transaction(engine) as connection:
        left = connection.execute(sa.select(slots.c.schedule).order_by(slots.c.schedule)).scalars().all()
        assert left == ["often", "seldom"]
        assert connection.execute(sa.select(workers.c.instance)).scalars().all() == ["alive"]


def test_pauses_that_have_ended_and_old_acts_go(engine: Engine) -> None:
    for site in ("alameda.ca", "all"):
        assert main(["pause", *(("site", site) if site != "all" else ("all",)), "--reason", "x", "--for", "1h"]) == 0
    assert main(["pause", "host", "a.ca", "--reason", "x"]) == 0
    with transaction(engine) as connection:
        one = pauses_table.c.kind == "site"
        connection.execute(sa.update(pauses_table).where(one).values(until=now(-86400 * 31)))
        connection.execute(sa.update(acts_table).where(acts_table.c.id < 3).values(seen_at=now(-86400 * 31)))
    assert pruning.count(30)["pauses"] == 1
    pruned = pruning.prune(30)
    assert (pruned["pauses"], pruned["acts"]) == (1, 2)
    assert (rows(engine)["pauses"], rows(engine)["acts"]) == (2, 2)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("arguments", [(), ("--older-than", "0"), ("--older-than", "x")], ids=" ".join)
def test_how_old_must_be_said(arguments: tuple[str, ...]) -> None:
    assert main(["db", "prune", "--yes", *arguments]) == 2
