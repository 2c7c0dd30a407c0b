"""What became of a job that a test ran: the ledger's facts, and what its function did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from clerk.database.literals import batched
from clerk.database.states import JobState
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.jobs import JobRequest


@dataclass
class Observations:
    """What the attempts at one job did, as far as they ran in this process."""

    logs: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    children: list[JobRequest] = field(default_factory=list)  # of the last attempt


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """A job as the ledger has it, and what its function did in the attempts that this process made.

    `attempt` is the number of the last attempt; `error` and `traceback` are those of the last one that failed.
    """

    job_id: str
    run_id: str
    job_type: str
    subdomain: str
    arguments: Mapping[str, Any]
    state: str
    attempt: int
    recorded_result: Any = None
    error: str | None = None
    traceback: str | None = None
    note: str | None = None
    logs: Sequence[str] = ()  # lines that were logged or printed
    progress: Sequence[str] = ()  # every message
    files: Sequence[Path] = ()  # what was put in place, by commit_files and the like
    waits: Sequence[float] = ()  # seconds that a worker would have waited: between requests, before other attempts
    children: Sequence[JobRequest] = ()  # what it asked for, by spawn and spawn_now
    crash: str | None = None  # the point at which `each_crash` ended its first attempt

    @property
    def result(self) -> Any:
        """What the function returned; AssertionError with the function's traceback if the job has not completed."""
        if self.state != JobState.COMPLETED:
            raise AssertionError(f"{self}\n{self.traceback or ''}".rstrip())
        return self.recorded_result

    @property
    def completed(self) -> bool:
        """Whether the job completed."""
        return self.state == JobState.COMPLETED

    def __str__(self) -> str:
        """Return the job, its state and the reason in one line."""
        reason = self.error or self.note
        attempt = f" at attempt {self.attempt}" if self.attempt else ""
        return f"{self.job_type} {self.subdomain}: {self.state}{attempt}{f': {reason}' if reason else ''}"


def read_reports(connection: Connection, seen: Mapping[str, Observations]) -> list[JobReport]:
    """Return a report of each job, in the order of `seen`."""
    rows: dict[str, Any] = {}
    for some in batched(list(seen)):
        rows |= {row.id: row for row in connection.execute(select(jobs).where(jobs.c.id.in_(some)))}
    failed = {job_id for job_id, row in rows.items() if row.error}
    tracebacks: dict[str, str] = {}
    for some in batched(sorted(failed)):
        query = select(attempts.c.job_id, attempts.c.traceback).where(attempts.c.job_id.in_(some))
        found = connection.execute(query.where(attempts.c.traceback.is_not(None)).order_by(attempts.c.attempt))
        tracebacks |= {row.job_id: row.traceback for row in found}
    return [_report(rows[job_id], tracebacks.get(job_id), each) for job_id, each in seen.items()]


def _report(row: Any, traceback: str | None, seen: Observations) -> JobReport:
    return JobReport(
        job_id=row.id,
        run_id=row.run_id,
        job_type=row.job_type,
        subdomain=row.subdomain,
        arguments=row.arguments,
        state=row.state,
        attempt=row.attempt,
        recorded_result=row.result,
        error=row.error,
        traceback=traceback,
        note=row.note,
        logs=tuple(seen.logs),
        progress=tuple(seen.progress),
        files=tuple(seen.files),
        waits=tuple(seen.waits),
        children=tuple(seen.children),
    )
