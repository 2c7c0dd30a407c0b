"""Each sentence of `why`, `health` and `doctor` is said in the situations in which it is true, and in no other.

The sentences about leases, the broker, the clock, unreadable rows and settings have tests of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk.database.transactions import transaction
from clerk.jobs import JobRequest
from clerk_tasks import dispatcher
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import interventions, leases
from clerk_tasks.operations.queue_coverage import not_consumed
from clerk_tasks.operations.why import explain
from clerk_tasks.schedules import slots
from devtools import claiming
from tests.integration.operations.conftest import Enqueue

SENTENCES = {
    "paused": "type fine is paused by",
    "due": r"It is due at \d",
    "stage": r"It waits for stage fetch of run \S+, where 1 jobs remain",
    "no stage": "but no stage is open",
    "waits": r"It waits in queue default, with \d+ jobs before it",
    "limit": "for the limit of limited: 1 at once. 1 run, 1 wait.",
    "served": "Workers that serve it: box process 7",
    "not known": "none of them knows",
    "no worker": "No worker serves queue default",
    "no plugin": "No plugin here has job type vanished",
    "quarantined": "Quarantined: ",
    "running": "It has been running since",
    "asked to stop": "It was asked to stop at",
    "retryable": r"Attempt 1 of \d+ did not complete it; the next is due at \d",
    "retryable at no time": "the next has no time: run `clerk-tasks doctor --fix`",
    "dead": "It ended as a dead letter after 1 attempt: the source is gone",
    "retry it": "Once the cause is fixed",
    "cancelled": "It was cancelled at",
    "completed": "It completed at",
    "result": 'It returned {"name": "x"}',
    "strange": "No program of this version knows the state odd",
    "note": "Note: ",
    "code": "Its code: ",
    "broker away": "The embedded broker is not running",
    "health: no worker is running": "health.worker: No worker is running",
    "health: a worker": "health.worker: box process 7",
    "health: not served": "health.queue: ocr: .*no worker serves it",
    "health: held": "health.queue: default: .*1 held by limits",
    "health: pause": r"health.pause: .*is paused by .*\(1 jobs wait\)",
    "health: leases": "health.leases: 1 running jobs have lost their worker",
    "health: dead letters": "health.dead letters: 1 job discarded in the last day: see `clerk-tasks failures`",
    "health: beat": r"health.beat: last tick \d",
    "health: silent beat": r"health.beat: The last tick was at \d",
    "health: no beat": "health.beat: No beat has ever ticked",
    **{
        f"doctor: {kind}": rf"doctor.{kind}\b"
        for kind in (
            *("orphan", "unreleased", "stage", "run", "miscount", "abandoned", "unpromoted", "unreadable"),
            *("unserved", "undecidable", "unknown", "unconsumed", "site", "setting"),
        )
    },
}
#: What is said where neither worker, beat nor broker runs.
USUAL = {"broker away", "health: no worker is running", "health: not served", "health: no beat"}


@dataclass
class Scene:
    """What a situation is made of."""

    engine: Engine
    enqueue: Enqueue
    work: Callable[[str], None]

    def change(self, table: sa.Table, **values: Any) -> None:
        """Set columns of every row."""
        with transaction(self.engine) as connection:
            connection.execute(sa.update(table).values(**values))

    def worker(self, *job_types: str) -> None:
        """Register a worker."""
        facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "concurrency": 1}
        with transaction(self.engine) as connection:
            leases.register_worker(connection, instance="a", job_types=list(job_types), **facts)

    def running(self, job_type: str = "fine") -> str:
        """Return a job that runs."""
        job = self.enqueue(job_type)
        with transaction(self.engine) as connection:
            claiming.claim(connection, job, instance="w", pid=4242, lease=30)
        return job

    def beat(self, seconds: float) -> None:
        """Record that beat ticked so many seconds ago."""
        slots.tick()
        with transaction(self.engine) as connection:
            moment = connection.execute(sa.select(now(-seconds))).scalar_one()
            connection.execute(sa.update(meta).where(meta.c.key == slots.BEAT_SEEN).values(value=moment.isoformat()))


def waits_for_a_stage(scene: Scene) -> str:
    scene.enqueue("fetch-site")
    with transaction(scene.engine) as connection:
        return str(connection.execute(sa.select(jobs.c.id).where(jobs.c.job_type == "deploy-site")).scalar_one())


def no_stage_is_open(scene: Scene) -> str:
    job = waits_for_a_stage(scene)
    with transaction(scene.engine) as connection:
        first = stages.c.name == "fetch"
        connection.execute(sa.update(stages).where(first).values(state="closed", remaining=0))
        connection.execute(sa.update(jobs).where(jobs.c.job_type == "fetch-site").values(state="completed"))
    return job


def held(scene: Scene) -> str:
    scene.running("limited")
    return scene.enqueue("limited")


def asked_to_stop(scene: Scene) -> str:
    job = scene.running()
    with transaction(scene.engine) as connection:
        interventions.cancel(connection, job, by="an operator")
    return job


def worked(scene: Scene, job_type: str) -> str:
    job = scene.enqueue(job_type)
    scene.work(job)
    return job


def later(seconds: float) -> str:
    return dispatcher.enqueue(JobRequest("fine", "alameda.ca", {}), delay=seconds).job_ids[0]


def changed(scene: Scene, job: str, table: sa.Table = jobs, **values: Any) -> str:
    scene.change(table, **values)
    return job


def with_worker(scene: Scene, job: str, *job_types: str) -> str:
    scene.worker(*job_types)
    return job


def with_beat(scene: Scene, seconds: float) -> str:
    scene.beat(seconds)
    return scene.enqueue("fine")


def without_site(scene: Scene) -> str:
    job = scene.enqueue("fine")
    with transaction(scene.engine) as connection:
        connection.execute(sa.delete(sites))
    return job


def refused_site(scene: Scene) -> str:
    job = scene.enqueue("fine")
    with transaction(scene.engine) as connection:
        connection.execute(sa.insert(sites).values(subdomain="no subdomain", name="X", state="CA"))
    return job


def paused(scene: Scene) -> str:
    assert main(["pause", "type", "fine", "--reason", "r"]) == 0
    return scene.enqueue("fine")


def cancelled(scene: Scene) -> str:
    job = scene.enqueue("fine")
    assert main(["jobs", "cancel", job]) == 0
    return job


#: {situation: (how it comes about, which sentences are said in it; of the USUAL ones, which are not)}
SITUATIONS: dict[str, tuple[Callable[[Scene], str], str]] = {
    "waits": (lambda s: s.enqueue("fine"), "doctor: unserved; no worker; waits"),
    "waits, a worker": (
        lambda s: with_worker(s, s.enqueue("fine"), "fine"),
        "health: a worker; health: no worker is running; served; waits",
    ),
    "waits, a worker that lacks it": (
        lambda s: with_worker(s, s.enqueue("fine"), "other"),
        "doctor: unknown; health: a worker; health: no worker is running; not known; waits",
    ),
    "no plugin": (
        lambda s: changed(s, s.enqueue("fine"), job_type="vanished"),
        "doctor: undecidable; doctor: unserved; no plugin; no worker; waits",
    ),
    "paused": (paused, "doctor: unserved; health: pause; no worker; paused; waits"),
    "due later": (lambda _: later(3600), "doctor: unserved; due"),
    "a stage before it": (waits_for_a_stage, "doctor: unserved; stage"),
    "no stage is open": (no_stage_is_open, "doctor: run; doctor: unserved; no stage"),
    "held by a limit": (held, "doctor: unserved; health: held; limit; no worker"),
    "runs": (Scene.running, "doctor: unserved; running"),
    "asked to stop": (asked_to_stop, "asked to stop; code; doctor: unserved; note; running"),
    "lost its worker": (
        lambda s: changed(s, s.running(), lease_until=now(-60)),
        "doctor: abandoned; doctor: unserved; health: leases; running",
    ),
    "to be retried": (lambda s: worked(s, "mistaken"), "code; doctor: unserved; no worker; retryable"),
    "dead": (lambda s: worked(s, "broken"), "code; dead; health: dead letters; retry it"),
    "dead since yesterday": (
        lambda s: changed(s, worked(s, "broken"), finished_at=now(-90_000)),
        "code; dead; retry it",
    ),
    "cancelled": (cancelled, "cancelled; code; note"),
    "completed": (lambda s: worked(s, "fine"), "completed; result"),
    "completed without a result": (lambda s: changed(s, worked(s, "fine"), result=None), "completed"),
    "a strange state": (
        lambda s: changed(s, s.enqueue("fine"), state="odd"),
        "doctor: miscount; doctor: unreadable; strange",
    ),
    "a beat": (lambda s: with_beat(s, 10), "doctor: unserved; health: beat; health: no beat; no worker; waits"),
    "a silent beat": (
        lambda s: with_beat(s, 100),
        "doctor: unserved; health: no beat; health: silent beat; no worker; waits",
    ),
    "its site is gone": (without_site, "doctor: orphan; doctor: unserved; no worker; waits"),
    "forgotten by its stage": (
        lambda s: changed(s, s.enqueue("fine"), state="retryable", due_at=None),
        "doctor: unreleased; doctor: unserved; no worker; retryable at no time",
    ),
    "overdue": (lambda s: changed(s, later(3600), due_at=now(-60)), "doctor: unpromoted; doctor: unserved; due"),
    "just due": (lambda s: changed(s, later(3600), due_at=now(-1)), "doctor: unserved; due"),
    "a site that is refused": (refused_site, "doctor: site; doctor: unserved; no worker; waits"),
    "a stage that miscounts": (
        lambda s: changed(s, s.enqueue("fine"), stages, remaining=5),
        "doctor: miscount; doctor: unserved; no worker; waits",
    ),
    "a stage that is done": (
        lambda s: changed(s, changed(s, s.enqueue("fine"), state="completed", finished_at=now()), stages, remaining=0),
        "completed; doctor: stage",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("make", "true"), SITUATIONS.values(), ids=SITUATIONS)
def test_what_is_said(
    engine: Engine,
    enqueue: Enqueue,
    work: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Scene], str],
    true: str,
) -> None:
    job = make(Scene(engine, enqueue, work))
    said = explain(job)
    capsys.readouterr()
    main(["health", "--json"])
    said += [f"health.{row['check']}: {row['detail']}" for row in json.loads(capsys.readouterr().out)["checks"]]
    main(["doctor", "--json"])
    said += [f"doctor.{row['kind']}: {row['subject']}" for row in json.loads(capsys.readouterr().out)]
    found = {name for name, words in SENTENCES.items() if any(re.search(words, line) for line in said)}
    assert "; ".join(sorted(found ^ USUAL)) == true


def test_a_queue_is_not_consumed_if_its_worker_says_so() -> None:
    """One that does not answer, and another process of that host, say nothing of it."""
    worker = SimpleNamespace(hostname="box", pid=7, queues=["default", "ocr"])
    both = [{"name": "default"}, {"name": "ocr"}]
    for answers, found in (
        ({}, {}),
        ({"all-7@box": both}, {}),
        ({"all-7@box": both[1:]}, {"default": "box process 7"}),
        ({"all-17@box": both[1:], "all-7@box.b": both[1:], "all-7@box": both}, {}),
    ):
        assert not_consumed([worker], answers) == found
