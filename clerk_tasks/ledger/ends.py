"""What ended between two moments, counted by job type, stage, queue and outcome: the statements behind the totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Row,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from clerk.database.clock import seconds_between
from clerk.database.literals import constant, one_of
from clerk.database.states import UNSUCCESSFUL, JobState, RunState
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import stages_table as stages
from clerk.stage import MEETINGS

#: The upper ends of the histograms' buckets, in seconds; the last bucket has what took longer.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
#: How long a slot may take to get its fate: beat does its chores after it has taken their slot.
SLOT_MARGIN = timedelta(minutes=2)


#: The job type that reads one document, and says how many pages that has.
READS_DOCUMENT = "ocr-page"


class number_in(FunctionElement[int]):  # noqa: N801 - a SQL function
    """The whole number under a key of a JSON object; NULL for anything else, so that no damaged row stops a scrape."""

    type = Integer()
    inherit_cache = True


@compiles(number_in, "sqlite")
def _sqlite_number(element: number_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(each, **kw) for each in element.clauses)
    found = f"json_extract({column}, '$.' || {key})"
    return f"CASE WHEN json_valid({column}) AND typeof({found}) = 'integer' THEN {found} END"


@compiles(number_in, "postgresql")
def _postgresql_number(element: number_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(each, **kw) for each in element.clauses)
    found = f"({column} ->> {key})"
    return f"CASE WHEN {found} ~ '^[0-9]{{1,9}}$' THEN CAST({found} AS INTEGER) END"


class Total(NamedTuple):
    """How many there were, how long they took in seconds, and how many fell into each bucket; () without buckets."""

    number: int = 0
    seconds: float = 0.0
    buckets: tuple[int, ...] = ()

    def __add__(self, other: Any) -> Total:
        """Add up two totals of the same thing."""
        width = max(len(self.buckets), len(other.buckets))
        pairs = zip(_wide(self.buckets, width), _wide(other.buckets, width), strict=True)
        return Total(
            self.number + other.number, self.seconds + other.seconds, tuple(mine + more for mine, more in pairs)
        )


class Name(NamedTuple):
    """What a total is of: jobs, duration, wait, runs or slots; and its labels."""

    metric: str
    labels: tuple[str, ...]


Totals = dict[Name, Total]


def any_ended(connection: Connection, after: datetime, until: datetime) -> bool:
    """Return whether anything ended between two moments; one look into each index."""
    windows = (
        exists().where(jobs.c.state == constant(JobState.COMPLETED), *_between(jobs.c.finished_at, after, until)),
        exists().where(one_of(jobs.c.state, UNSUCCESSFUL), *_between(jobs.c.finished_at, after, until)),
        exists().where(*_between(attempts.c.finished_at, after, until)),
        exists().where(*_run_ended(after, until)),
        exists().where(*_between(slots.c.decided_at, after - SLOT_MARGIN, until - SLOT_MARGIN)),
    )
    return any(connection.execute(select(window)).scalar() for window in windows)


def end_of_chunk(connection: Connection, after: datetime, size: int) -> datetime | None:
    """Return when the last of the next `size` jobs completed, None if there are fewer."""
    ended = (jobs.c.state == constant(JobState.COMPLETED), jobs.c.finished_at > after)
    query = select(jobs.c.finished_at).where(*ended).order_by(jobs.c.finished_at).offset(size).limit(1)
    found: datetime | None = connection.execute(query).scalar()
    return found


def _between(column: Any, after: datetime, until: datetime | None) -> list[ColumnElement[bool]]:
    return [column > after, *([] if until is None else [column <= until])]


def _run_ended(after: datetime, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the condition that a run of the pipeline ended; each lone job has a run too, which says no more."""
    meetings: ColumnElement[str] = literal_column(f"'{MEETINGS}'")
    return [runs.c.pipeline == meetings, *_between(runs.c.finished_at, after, until)]


def add_ends(connection: Connection, found: Totals, after: datetime, until: datetime | None) -> None:
    """Add to totals what ended between two moments; without the second, what ended since and can never be undone."""
    for row in connection.execute(_completed(after, until)):
        _add_job(found, row, JobState.COMPLETED)
        labels = (row.job_type, row.queue, row.stage)
        _add_to(found, Name("duration", labels), row.number, row.seconds, row.bucket)
        _add_to(found, Name("wait", labels), row.number, row.waited, row.wait_bucket)
        if row.pages:
            _add_to(found, Name("pages", ("read",)), row.pages)
    for row in connection.execute(_attempts(after, until)):
        _add_job(found, row, row.outcome)
        if row.timed:
            labels = (row.job_type, row.queue, row.stage)
            _add_to(found, Name("duration", labels), row.number, row.seconds, row.bucket)
    if until is not None:
        for row in connection.execute(_ended_otherwise(after, until)):
            _add_job(found, row, row.state)
    for row in connection.execute(_runs(after, until)):
        if until is not None or row.state == RunState.COMPLETED:
            _add_to(found, Name("runs", (row.pipeline, row.state)), row.number, row.seconds, row.bucket)
    for row in connection.execute(_slots(after, until)):
        if until is not None or row.fate != "started":
            _add_to(found, Name("slots", (row.schedule, row.fate)), row.number)


def _add_job(found: Totals, row: Row[Any], status: str) -> None:
    _add_to(found, Name("jobs", (row.job_type, row.stage, status.replace("-", "_"))), row.number)


def _add_to(found: Totals, name: Name, number: int, seconds: float | None = None, bucket: int | None = None) -> None:
    buckets = () if bucket is None else (*(0,) * bucket, number)
    found[name] = found.get(name, Total()) + Total(number, float(seconds or 0.0), buckets)


def _wide(buckets: tuple[int, ...], width: int) -> tuple[int, ...]:
    return buckets + (0,) * (width - len(buckets))


def _bucket(seconds: ColumnElement[float]) -> ColumnElement[int]:
    ends = [literal_column(str(end), Float) for end in BUCKETS]
    places = [(seconds <= end, literal_column(str(place), Integer)) for place, end in enumerate(ends)]
    return case(*places, else_=literal_column(str(len(BUCKETS)), Integer))


def _took(begin: Any, end: Any) -> ColumnElement[float]:
    """Return the seconds between two moments, 0 where one is missing."""
    return func.coalesce(seconds_between(begin, end), literal_column("0.0", Float)).label("took")


def _sum(seconds: ColumnElement[float]) -> ColumnElement[float]:
    """Return the sum of durations; one that is negative, since the clock went back, is 0."""
    return func.sum(case((seconds > literal_column("0.0"), seconds), else_=literal_column("0.0", Float)))


# A subquery, never a join: the planner may believe that a window has many rows, and then reads all of `stages`.
_STAGE = select(stages.c.name).where(stages.c.id == jobs.c.stage_id).correlate(jobs).scalar_subquery().label("stage")


def _grouped(rows: Select[Any], *labels: str) -> Select[Any]:
    """Count rows by labels and by the bucket of `took`; OFFSET 0 makes both databases work each value out once."""
    found = rows.offset(0).subquery()
    columns: list[Any] = [found.c[name] for name in labels]
    columns += [_bucket(found.c.took).label("bucket")]
    sums = [func.count().label("number"), _sum(found.c.took).label("seconds")]
    if "waited" in found.c:
        columns += [_bucket(found.c.waited).label("wait_bucket")]
        sums += [_sum(found.c.waited).label("waited"), func.sum(found.c.pages).label("pages")]
    return select(*columns, *sums).group_by(*_places(columns))


def _completed(after: datetime, until: datetime | None) -> Select[Any]:
    waited = _took(jobs.c.due_at, jobs.c.started_at).label("waited")
    reads = jobs.c.job_type == literal_column(f"'{READS_DOCUMENT}'", Text)
    pages = case((reads, number_in(jobs.c.result, literal_column("'pages'", Text)))).label("pages")
    rows = select(jobs.c.job_type, jobs.c.queue, _STAGE, _took(jobs.c.started_at, jobs.c.finished_at), waited, pages)
    ended = (jobs.c.state == constant(JobState.COMPLETED), *_between(jobs.c.finished_at, after, until))
    return _grouped(rows.where(*ended), "job_type", "queue", "stage")


def _attempts(after: datetime, until: datetime | None) -> Select[Any]:
    """Return how the attempts ended that did not complete their job; the end of a lost one was not seen."""
    timed = and_(attempts.c.started_at.is_not(None), attempts.c.outcome.not_in(("lost", "snoozed"))).label("timed")
    of_job = select(jobs.c.job_type).where(jobs.c.id == attempts.c.job_id).correlate(attempts)
    job_type, queue = (of_job.with_only_columns(column) for column in (jobs.c.job_type, jobs.c.queue))
    stage_id = of_job.with_only_columns(jobs.c.stage_id).scalar_subquery()
    stage = select(stages.c.name).where(stages.c.id == stage_id).correlate(attempts)
    rows = select(
        job_type.scalar_subquery().label("job_type"),
        queue.scalar_subquery().label("queue"),
        stage.scalar_subquery().label("stage"),
        *(attempts.c.outcome, timed, _took(attempts.c.started_at, attempts.c.finished_at)),
    )
    window = _between(attempts.c.finished_at, after, until)
    return _grouped(rows.where(*window), "job_type", "queue", "stage", "outcome", "timed")


def _ended_otherwise(after: datetime, until: datetime) -> Select[Any]:
    """Return the dead letters and cancelled jobs of which no attempt says so: one that waited, or whose worker died."""
    said = exists().where(
        attempts.c.job_id == jobs.c.id, attempts.c.attempt == jobs.c.attempt, attempts.c.outcome == jobs.c.state
    )
    labels = [jobs.c.job_type, _STAGE, jobs.c.state]
    windows = _between(jobs.c.finished_at, after, until)
    ended = (one_of(jobs.c.state, UNSUCCESSFUL), *windows)
    return select(*labels, func.count().label("number")).where(*ended, ~said).group_by(*_places(labels))


def _runs(after: datetime, until: datetime | None) -> Select[Any]:
    rows = select(runs.c.pipeline, runs.c.state, _took(runs.c.created_at, runs.c.finished_at))
    return _grouped(rows.where(*_run_ended(after, until)), "pipeline", "state")


def _slots(after: datetime, until: datetime | None) -> Select[Any]:
    window = _between(slots.c.decided_at, after - SLOT_MARGIN, None if until is None else until - SLOT_MARGIN)
    labels = [slots.c.schedule, slots.c.fate]
    return select(*labels, func.count().label("number")).where(*window).group_by(*_places(labels))


def _places(labels: list[Any]) -> Iterator[ColumnElement[int]]:
    """Return the places of the columns: an expression as long as these is not compared with itself again."""
    return (literal_column(str(place + 1)) for place in range(len(labels)))
