"""Find stuck, orphaned, unserved and undecidable work, and settings that can loop or lose; mend what can be mended."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from clerk.acts import named, record_act
from clerk.database.engine import engine
from clerk.database.held import HeldConnection
from clerk.database.transactions import reading, transaction
from clerk.errors import BrokerUnavailable, ConflictError, NotFoundError
from clerk.settings import settings, unknown_variables
from clerk.sites.rows import refused_sites
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.celery import app
from clerk_tasks.dispatcher import publish
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import diagnosis, interventions, stages, unreadable
from clerk_tasks.ledger.diagnosis import Damage
from clerk_tasks.ledger.publications import Waiting
from clerk_tasks.ledger.queries import unfinished_kinds
from clerk_tasks.operations.acts import RunningAct, running_act
from clerk_tasks.operations.future_times import find_future_times, mend_future_times
from clerk_tasks.operations.queue_coverage import how_to_serve, live_workers, unconsumed, workers_by_queue
from clerk_tasks.worker.relay import Relay

#: Settings of Celery that ours must not be changed to, each with what would happen.
DANGEROUS = {
    "task_acks_late": (True, "a message may be delivered for ever"),
    "task_reject_on_worker_lost": (True, "a job that kills its process is delivered for ever"),
    "worker_pool_start_method": ("fork", "a process that forks loses SQLite's commits"),
    "task_create_missing_queues": (True, "a typo makes a queue that no worker serves"),
}


#: What is mended by itself, in this order: a stage must count right before anything is counted out of it.
MENDABLE = (
    unreadable.unreadable,
    find_future_times,
    diagnosis.miscounts,
    diagnosis.orphans,
    diagnosis.unreleased,
    diagnosis.undecided,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing found; `mended` is None where only a person can."""

    damage: Damage
    mended: bool | None = None


def diagnose(*, fix: bool, every_row: bool = False) -> list[Diagnosis]:
    """Return what is wrong; with `fix`, mend what can be mended without a decision.

    Unless `every_row` is read, completed jobs and runs that cannot be read are left out: there may be millions.
    """
    looks = (_any_unreadable, *MENDABLE) if every_row else MENDABLE
    found = _fix(*looks) if fix else [Diagnosis(damage, mended=False) for damage in _look(*looks, _late)]
    advice = [*_look(_unserved, _refused), *_dangerous_settings()]
    return found + [Diagnosis(damage) for damage in advice]


def _look(*looks: Callable[[Connection], Iterable[Damage]]) -> list[Damage]:
    with reading() as connection:
        return [damage for look in looks for damage in look(connection)]


def _late(connection: Connection) -> list[Damage]:
    """Return what any relay would have seen to."""
    return [
        *diagnosis.abandoned(connection, after=settings().lease),
        *diagnosis.unpromoted(connection, after=10 * settings().relay_interval),
    ]


def _any_unreadable(connection: Connection) -> list[Damage]:
    """Return the rows that cannot be read, completed jobs among them: that reads every row."""
    return unreadable.unreadable(connection, everything=True)


def _fix(*looks: Callable[[Connection], Iterable[Damage]]) -> list[Diagnosis]:
    """Mend one kind after the other, each as it is then; what is not found again has been mended."""
    found: list[Damage] = []
    for look in looks:
        if damages := _look(look):
            found += damages
            _mend_all(damages)
    late = _look(_late)
    if late:
        _relay_twice()
    again = (*looks, _late) if found or late else ()
    left = {(damage.kind, damage.subject): damage for damage in _look(*again)}
    every = {(damage.kind, damage.subject): damage for damage in (*found, *late)} | left
    if taken_over := [damage for damage in late if (damage.kind, damage.subject) not in left]:
        with transaction() as connection:
            record_act(connection, "fix", _named(taken_over), number=len(taken_over))
    return [Diagnosis(damage, mended=name not in left) for name, damage in every.items()]


def _named(damages: Sequence[Damage]) -> str:
    return named("finding", [f"{damage.kind} {damage.subject}" for damage in damages])


def _mend_all(damages: Sequence[Damage]) -> None:
    """Mend what one look has found, in an act, which an operator may stop."""
    with running_act("fix", _named(damages), matched=len(damages)) as act:
        for damage in damages:
            if act.stopped_by is not None:
                break
            with suppress(ConflictError, NotFoundError):  # it has ended, or gone, since we looked
                _mend(damage, act)


def _mend(damage: Damage, act: RunningAct) -> None:
    """Do what a damage's remedy says; raises ConflictError or NotFoundError if it is no more."""
    with transaction() as connection:
        messages = []
        name = damage.kind.removeprefix("unreadable ")
        if name != damage.kind:
            if unreadable.mend(connection, name, damage.subject):
                messages = interventions.cancel(connection, damage.subject, by="the doctor")
        elif damage.kind == "future":
            mend_future_times(connection, damage.subject)
        elif damage.kind == "orphan":
            messages = interventions.cancel(connection, damage.subject, by="the doctor")
        elif damage.kind == "miscount":
            diagnosis.recount(connection, int(damage.subject))
            messages = stages.close_if_done(connection, int(damage.subject))
        elif damage.kind == "unreleased":
            diagnosis.remember(connection, damage.subject)
        elif damage.kind == "stage":
            messages = stages.close_if_done(connection, int(damage.subject))
        elif damage.kind == "run":
            messages = stages.go_on(connection, damage.subject)
        act.advance(connection, 1)
    publish(messages)


def _relay_twice() -> None:
    """Make the two passes, one renewal apart, that a take-over needs; a missing broker becomes a finding."""
    with closing(HeldConnection(engine())) as held:
        waiting = Waiting(registry().queues, registry().job_types)
        relay = Relay(held, publisher(), waiting, renewal=settings().renewal)
        for pause in (0.0, settings().renewal):
            time.sleep(pause)
            with suppress(BrokerUnavailable):
                relay.run_once()


def _unserved(connection: Connection) -> Iterator[Damage]:
    """Return what keeps unfinished jobs from running that only a person can change."""
    serving = workers_by_queue(connection)
    kinds = unfinished_kinds(connection)
    for queue in sorted({row.queue for row in kinds} - set(serving)):
        yield Damage("unserved", queue, "jobs wait in this queue and no worker serves it", how_to_serve(queue))
    for queue, job_type in sorted({(row.queue, row.job_type) for row in kinds}):
        if job_type not in registry().job_types:
            advice = "install its plugin, see `clerk-tasks plugins list`, or cancel the jobs"
            yield Damage("undecidable", job_type, "jobs of this type wait and no plugin here has it", advice)
        elif queue in serving and not any(job_type in worker.job_types for worker in serving[queue]):
            problem = f"jobs of this type wait in queue {queue}, and none of its workers knows the type"
            yield Damage("unknown", job_type, problem, "install its plugin where they run, and start them again")
    for queue, worker in unconsumed(live_workers(connection)).items():
        problem = f"worker {worker} serves this queue but does not take messages from it"
        yield Damage("unconsumed", queue, problem, "start that worker again")


def _refused(connection: Connection) -> Iterator[Damage]:
    for name in refused_sites(connection):
        remedy = f"remove it with `clerk-tasks sites remove {shlex.quote(name)}`, or rename it in the table sites"
        yield Damage("site", name, "this is no subdomain, so the site is never updated", remedy)


def _dangerous_settings() -> Iterator[Damage]:
    for name, (bad, what) in DANGEROUS.items():
        if app.conf[name] == bad:
            yield Damage("setting", name, f"{name} = {bad!r}: {what}", "remove it from celeryconfig.py")
    if settings().relay_interval > settings().lease:
        problem = "relays run less often than leases expire: a dead worker's jobs wait longer than CLERK_LEASE"
        yield Damage("setting", "CLERK_RELAY_INTERVAL", problem, "make it smaller than CLERK_LEASE")
    for name, near in unknown_variables().items():
        advice = f"did you mean {near}?" if near else "remove it; docs/reference/settings.md lists all settings"
        yield Damage("setting", name, "no setting has this name, and it is ignored", advice)
    yield from _unsigned_webhooks()
    yield from _broker_problems()


def _unsigned_webhooks() -> Iterator[Damage]:
    if settings().webhooks and not settings().webhook_secret:
        problem = "webhooks are not signed: a receiver cannot see who sent them"
        yield Damage(
            "setting", "CLERK_WEBHOOK_SECRET", problem, "set it to a random text, and give that to the receivers"
        )
    if settings().civic_observer and not settings().civic_observer_secret:
        problem = "CLERK_CIVIC_OBSERVER gets updates without the secret that it asks for"
        yield Damage(
            "setting", "CLERK_CIVIC_OBSERVER_SECRET", problem, "set it to the WEBHOOK_SECRET of civic-observer"
        )


def _broker_problems() -> Iterator[Damage]:
    try:
        problems = publisher().problems()
        unusable = publisher().unusable(sorted(registry().queues))
    except BrokerUnavailable as error:
        yield Damage("broker", "BROKER_URL", str(error), "start the broker; recorded jobs wait")
        return
    yield from (Damage("setting", *found) for found in problems)
    yield from (Damage("unusable", *found) for found in unusable)
