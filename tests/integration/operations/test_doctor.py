"""`doctor` finds each kind of damage, mends what it says it can, and finds nothing in a sound ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.application import application
from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import leases, publications
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.operations.doctor import Diagnosis, diagnose
from clerk_tasks.operations.queue_coverage import live_workers
from devtools import claiming
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]

#: What is always so in these tests: there is neither a worker nor a broker.
EXPECTED = {"unserved", "broker"}


def kinds(found: Sequence[Diagnosis]) -> list[str]:
    return [each.damage.kind for each in found if each.damage.kind not in EXPECTED]


def state_of(engine: Engine, job: str) -> str:
    with transaction(engine) as connection:
        return str(connection.execute(sa.select(jobs.c.state).where(jobs.c.id == job)).scalar_one())


def test_a_sound_ledger(enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    enqueue("fetch-site")
    assert kinds(diagnose(fix=False)) == []


def test_a_job_of_a_removed_site_is_cancelled(enqueue: Enqueue, engine: Engine) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.delete(sites))
    assert kinds(diagnose(fix=False)) == ["orphan"]
    assert state_of(engine, job) == "available"
    assert [each.mended for each in diagnose(fix=True) if each.damage.kind == "orphan"] == [True]
    assert state_of(engine, job) == "cancelled"
    assert kinds(diagnose(fix=False)) == []


@pytest.mark.parametrize("remaining", [0, 5])
def test_a_stage_that_miscounts_is_counted_again(enqueue: Enqueue, engine: Engine, work: Work, remaining: int) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(stages).values(remaining=remaining))
    assert "miscount" in kinds(diagnose(fix=False))
    diagnose(fix=True)
    work(job)
    with transaction(engine) as connection:
        assert connection.execute(sa.select(runs.c.state)).scalars().all() == ["completed"]


def test_a_run_that_halted_goes_on(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fetch-site")
    with transaction(engine) as connection:
        connection.execute(sa.update(stages).where(stages.c.name == "fetch").values(state="closed", remaining=0))
        connection.execute(sa.update(jobs).where(jobs.c.job_type == "fetch-site").values(state="completed"))
    assert kinds(diagnose(fix=False)) == ["run"]
    diagnose(fix=True)
    with transaction(engine) as connection:
        opened = connection.execute(sa.select(stages.c.name).where(stages.c.state == "open")).scalars().all()
        ready = connection.execute(sa.select(jobs.c.job_type).where(jobs.c.state == "available")).scalars().all()
    assert (opened, ready) == (["ocr"], ["coordinator"])


def test_an_open_stage_with_nothing_left_is_closed(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(state="completed"))
        connection.execute(sa.update(stages).values(remaining=0))
    assert kinds(diagnose(fix=False)) == ["stage"]
    diagnose(fix=True)
    with transaction(engine) as connection:
        assert connection.execute(sa.select(runs.c.state)).scalar_one() == "completed"


@pytest.mark.usefixtures("redis_broker")
def test_a_job_without_an_owner_is_taken_over(
    enqueue: Enqueue, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        claiming.claim(connection, job, instance="gone", pid=1, lease=30)
        connection.execute(sa.update(jobs).values(lease_until=now(-3600)))
    assert "abandoned" in kinds(diagnose(fix=False))
    assert state_of(engine, job) == "running"
    diagnose(fix=True)
    assert state_of(engine, job) == "available"


def test_a_job_type_that_nobody_has_is_for_a_person(enqueue: Enqueue, engine: Engine) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(job_type="vanished"))
    (found,) = [each for each in diagnose(fix=True) if each.damage.kind == "undecidable"]
    assert (found.damage.subject, found.mended) == ("vanished", None)
    assert state_of(engine, job) == "available"


def test_a_job_type_that_no_worker_of_its_queue_knows(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fine")
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "concurrency": 1}
    for instance, job_types, found in (("a", ["other"], ["fine"]), ("b", ["fine"], [])):
        with transaction(engine) as connection:
            leases.register_worker(connection, instance=instance, job_types=job_types, **facts)
        damages = [each.damage for each in diagnose(fix=False)]
        assert [damage.subject for damage in damages if damage.kind == "unknown"] == found
        assert "unserved" not in [damage.kind for damage in damages]


def test_a_worker_seen_in_the_future(engine: Engine) -> None:
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "concurrency": 1, "job_types": []}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="a", **facts)
        assert len(live_workers(connection)) == 1
    assert "future" not in kinds(diagnose(fix=False))
    with transaction(engine) as connection:
        connection.execute(sa.update(workers).values(seen_at=now(2 * 86400)))
        assert live_workers(connection) == []
    assert "future" in kinds(diagnose(fix=False))


def test_a_setting_that_loses_jobs_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from clerk_tasks.celery import app

    monkeypatch.setitem(app.conf, "task_reject_on_worker_lost", True)
    (found,) = [each for each in diagnose(fix=False) if each.damage.kind == "setting"]
    assert found.damage.subject == "task_reject_on_worker_lost"


def test_a_setting_that_there_is_not_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_LAESE", "10")
    (found,) = [each for each in diagnose(fix=False) if each.damage.kind == "setting"]
    assert (found.damage.subject, found.damage.remedy) == ("CLERK_LAESE", "did you mean CLERK_LEASE?")


@pytest.mark.parametrize(
    ("address", "secret"),
    [("CLERK_WEBHOOKS", "CLERK_WEBHOOK_SECRET"), ("CLERK_CIVIC_OBSERVER", "CLERK_CIVIC_OBSERVER_SECRET")],
)
def test_a_webhook_without_a_secret(engine: Engine, monkeypatch: pytest.MonkeyPatch, address: str, secret: str) -> None:
    def found() -> list[str]:
        application.close()
        return [each.damage.subject for each in diagnose(fix=False) if each.damage.kind == "setting"]

    assert found() == []
    monkeypatch.setenv(address, "https://example.org/hook")
    assert found() == [secret]
    monkeypatch.setenv(secret, "a long one")
    assert found() == []


def test_a_job_that_its_stage_has_forgotten_is_made_due(enqueue: Enqueue, engine: Engine, work: Work) -> None:
    """One that a stage opened without: restored by hand, say."""
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(state="retryable", due_at=None))
    assert kinds(diagnose(fix=False)) == ["unreleased"]
    assert kinds(diagnose(fix=True)) == ["unreleased"]
    assert kinds(diagnose(fix=False)) == []
    with transaction(engine) as connection:
        publications.promote_due(connection)
    work(job)
    assert state_of(engine, job) == "completed"


def test_a_whole_passage_of_a_removed_site(enqueue: Enqueue, engine: Engine) -> None:
    """Cancelling its first job ends the others, which are then nothing to stumble over."""
    enqueue("fetch-site")
    with transaction(engine) as connection:
        connection.execute(sa.delete(sites))
    found = [each for each in diagnose(fix=True) if each.damage.kind == "orphan"]
    assert [each.mended for each in found] == [True] * 4
    with transaction(engine) as connection:
        assert connection.execute(sa.select(runs.c.state)).scalar_one() == "cancelled"


def test_a_stage_is_counted_again_before_an_orphan_is_counted_out(enqueue: Enqueue, engine: Engine) -> None:
    """Else the last one that the stage knew of would close it, with another at work."""
    new = [NewJob(job_type="fine", subdomain="alameda.ca") for _ in range(2)]
    with transaction(engine) as connection:
        record_run(connection, "r", subdomain="alameda.ca", pipeline="p", new_stages=[NewStage(name="s", jobs=new)])
        at_work, waits = connection.execute(sa.select(jobs.c.id).order_by(jobs.c.id)).scalars()
        claiming.claim(connection, at_work, instance="w", pid=1, lease=30)
        connection.execute(sa.update(stages).values(remaining=1))
        connection.execute(sa.delete(sites))
    assert kinds(diagnose(fix=True)) == ["miscount", "orphan"]
    assert (state_of(engine, at_work), state_of(engine, waits)) == ("running", "cancelled")
    with transaction(engine) as connection:
        assert connection.execute(sa.select(stages.c.state, stages.c.remaining)).one() == ("open", 1)


@pytest.mark.slow
def test_without_a_broker_what_was_mended_is_told_and_what_is_left(
    enqueue: Enqueue, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(state="retryable", due_at=now(-3600)))
        connection.execute(sa.update(stages).values(remaining=5))
    capsys.readouterr()
    assert main(["doctor", "--fix", "--json"]) == 1
    mended = {row["kind"]: row["mended"] for row in json.loads(capsys.readouterr().out)}
    assert mended == {"miscount": True, "unpromoted": True, "unserved": None, "broker": None}
