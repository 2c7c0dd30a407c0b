"""Look at everything that has to be there and at work, and say what is not, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from clerk.database.advice import read_only_problem
from clerk.database.clock import CLOCK_MARGIN, database_time, now
from clerk.database.engine import engine, show_address
from clerk.database.literals import constant
from clerk.database.schema_version import ensure_usable
from clerk.database.states import JobState
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading
from clerk.errors import ClerkError
from clerk.pauses import active_pauses, paused_now
from clerk.plugin.loader import quarantined
from clerk.redaction import redact
from clerk.settings import settings
from clerk_tasks.broker import embedded
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.broker.table import broker_url
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases, queries
from clerk_tasks.ledger.deliveries import count_given_up
from clerk_tasks.ledger.interventions import UNDISMISSED
from clerk_tasks.ledger.paused import count_held
from clerk_tasks.operations.future_times import find_future_times
from clerk_tasks.operations.level import BEAT_SILENCE, Level
from clerk_tasks.operations.plugin_report import ask_all
from clerk_tasks.operations.queue_coverage import how_to_serve, live_workers, workers_by_queue
from clerk_tasks.operations.wording import counted
from clerk_tasks.schedules import declared, slots

#: A queue whose oldest available job has waited longer than this is behind.
BEHIND = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    detail: str


def check_health() -> list[Finding]:
    """Return a finding per thing looked at; with the database down, that is all there is to say."""
    ledger = check_ledger()
    return ledger if ledger[0].level is Level.DOWN else [*ledger, *check_surroundings()]


def check_ledger() -> list[Finding]:
    """Return the findings about the database and what it says of the work."""
    findings = _attempt("database", _database)
    return findings if findings[0].level is Level.DOWN else [*findings, *_attempt("database", _work)]


def check_surroundings() -> list[Finding]:
    """Return the findings about the broker and the plugins."""
    return [*_attempt("broker", _broker), *_attempt("plugin", _plugins)]


def as_report(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings as `health --json` prints them: the worst `level`, and the `checks`."""
    worst = max(finding.level for finding in findings)
    checks = [asdict(finding) | {"level": finding.level.name.lower()} for finding in findings]
    return {"level": worst.name.lower(), "checks": checks}


def check_database() -> None:
    """Raise DatabaseUnavailable unless this code may use the database."""
    ensure_usable(engine())


def _attempt(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except ClerkError as error:
        return [Finding(check, Level.DOWN, redact(str(error)))]


def _database() -> Iterator[Finding]:
    check_database()
    with reading() as connection:
        problem = read_only_problem(connection)
    if problem:
        yield Finding("database", Level.DOWN, problem)
    else:
        yield Finding("database", Level.OK, show_address(engine().url))


def _broker() -> Iterator[Finding]:
    if settings().broker_url is None and not embedded.is_running():
        yield Finding("broker", Level.ATTENTION, "The embedded broker is not running: start `clerk-tasks up`.")
        return
    with closing(Publisher(broker_url())) as own:
        unusable = own.unusable(sorted(registry().queues))
    for queue, problem, remedy in unusable:
        yield Finding("broker", Level.ATTENTION, f"{queue}: {problem}; {remedy}.")
    if not unusable:
        yield Finding("broker", Level.OK, "reachable")


def _work() -> Iterator[Finding]:
    with reading() as connection:
        for look in (_workers, _queues, _pauses, _leases, _dead_letters, _webhooks, _clock, _beat):
            yield from look(connection)


def _plugins() -> Iterator[Finding]:
    ask_all()
    for entry in quarantined():
        yield Finding("plugin", Level.ATTENTION, str(entry))


def _workers(connection: Connection) -> Iterator[Finding]:
    live = live_workers(connection)
    for worker in live:
        where = f"{worker.hostname} process {worker.pid}"
        yield Finding("worker", Level.OK, f"{where}: {', '.join(worker.queues)} (-c {worker.concurrency})")
    if not live:
        yield Finding(
            "worker", Level.ATTENTION, "No worker is running: start `clerk-tasks worker` or `clerk-tasks up`."
        )


def _queues(connection: Connection) -> Iterator[Finding]:
    """Report the queues of the registry, and those that jobs wait in: without a worker, far behind, or not taken."""
    standstill = timedelta(seconds=2 * settings().lease)  # as long as a worker waits before it replaces its children
    current = database_time(connection)
    served = workers_by_queue(connection)
    backlog = {row["queue"]: row for row in queries.backlog(connection, paused_now(connection))}
    routed = {found.job_type.queue for found in registry().job_types.values()}
    for queue in sorted(routed | set(backlog)):
        row = backlog.get(queue, {"available": 0, "waiting": 0, "running": 0, "held": 0, "oldest": None})
        detail = f"{queue}: {row['available']} available, {row['waiting']} waiting, {row['running']} running"
        detail += f", {row['held']} held by limits" if row["held"] else ""
        waited = current - datetime.fromisoformat(row["oldest"] or current.isoformat())
        if queue in served and waited > BEHIND:
            minutes = waited // timedelta(minutes=1)
            yield Finding("queue", Level.ATTENTION, f"{detail}; the oldest has waited for {minutes} min.")
        elif queue in served and waited > standstill and (idle := _idle(connection, served[queue])):
            seconds = round(waited.total_seconds())
            yield Finding("queue", Level.ATTENTION, f"{detail}; the oldest has waited for {seconds} s beside {idle}.")
        elif queue in served:
            yield Finding("queue", Level.OK, detail)
        else:
            yield Finding("queue", Level.ATTENTION, f"{detail}; no worker serves it: {how_to_serve(queue)}.")


def _pauses(connection: Connection) -> Iterator[Finding]:
    for pause in active_pauses(connection):
        waiting = count_held(connection, pause.kind, pause.name)
        yield Finding("pause", Level.OK, f"{pause}" + (f" ({waiting} jobs wait)" if waiting else ""))


def _idle(connection: Connection, workers: Iterable[Any]) -> str | None:
    """Return how to name a worker that runs fewer jobs than it could, None if all are busy."""
    busy = leases.running_by_instance(connection)
    for worker in workers:
        free = worker.concurrency - busy.get(worker.instance, 0)
        if free > 0:
            return f"{free} idle children of {worker.hostname} process {worker.pid}, which will replace them"
    return None


def _leases(connection: Connection) -> Iterator[Finding]:
    ended = jobs.c.lease_until < now(-2 * settings().lease)
    if overdue := _count(connection, jobs.c.state == constant(JobState.RUNNING), ended):
        detail = f"{overdue} running jobs have lost their worker; any worker takes them over."
        yield Finding("leases", Level.ATTENTION, detail)


def _clock(connection: Connection) -> Iterator[Finding]:
    for damage in find_future_times(connection):
        detail = f"{damage.subject}: {damage.problem}; `clerk-tasks doctor --fix` mends it."
        yield Finding("clock", Level.ATTENTION, detail)


def _dead_letters(connection: Connection) -> Iterator[Finding]:
    recently = jobs.c.finished_at.between(now(-86400), now(CLOCK_MARGIN))
    if dead := _count(connection, *UNDISMISSED, recently):
        detail = (
            f"{counted(dead, 'job')} discarded in the last day: see `clerk-tasks failures`; "
            "`clerk-tasks jobs dismiss` takes a job that needs no retry off this count."
        )
        yield Finding("dead letters", Level.ATTENTION, detail)


def _webhooks(connection: Connection) -> Iterator[Finding]:
    if given_up := count_given_up(connection, seconds=86400):
        detail = f"{given_up} deliveries were given up in the last day: see `clerk-tasks webhooks list`."
        yield Finding("webhooks", Level.ATTENTION, detail)


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(*conditions)).scalar_one()


def _beat(connection: Connection) -> Iterator[Finding]:
    if not declared.gather():
        return
    seen = connection.execute(select(meta.c.value).where(meta.c.key == slots.BEAT_SEEN)).scalar()
    if seen and abs(database_time(connection) - datetime.fromisoformat(seen)) < BEAT_SILENCE:
        yield Finding("beat", Level.OK, f"last tick {seen}")
    else:
        last = f"The last tick was at {seen}" if seen else "No beat has ever ticked"
        yield Finding("beat", Level.ATTENTION, f"{last}: start `clerk-tasks beat`.")
