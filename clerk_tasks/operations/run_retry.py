"""Repeat a run from the stage that failed, or from one that is named, as a new run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from clerk.acts import record_act
from clerk.database.states import JobState, RunState
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, DatabaseUnavailable, UsageError
from clerk.jobs import JobRequest
from clerk.meetings.jobs import given_up_before, waiting_documents
from clerk.stage import MEETINGS
from clerk_tasks import dispatcher
from clerk_tasks.dispatcher import Enqueued
from clerk_tasks.ledger import queries
from clerk_tasks.pipeline import job_type_of, stages

#: The stage whose jobs are documents.
READING = "ocr"
#: Which documents to read again: those given up, those never tried.
ONLY = frozenset({"failed", "missing"})


@dataclass(frozen=True, slots=True)
class RunRetry:
    """What would be done: from which stage, and how many documents were given up, or never tried."""

    run_id: str
    subdomain: str
    stage: str
    job_type: str
    arguments: Mapping[str, Any]
    failed: int
    missing: int

    def __str__(self) -> str:
        documents = f"{self.failed} failed and {self.missing} missing documents wait to be read"
        return f"{self.subdomain}: retry from stage {self.stage}; {documents}"


def plan(run_id: str, start: str | None, *, only: str | None = None) -> RunRetry:
    """Return how a run that has ended would be made again, by default from its first stage with failed jobs.

    `only`, some of ONLY with commas between them, makes it read those documents alone. Raises NotFoundError for an
    unknown run, ConflictError while it runs, UsageError for another pipeline's, a stage unknown or one that reads none.
    """
    kinds = _parse_only(only, start)
    with reading() as connection:
        run = queries.show_run(connection, run_id)
    if run["state"] == RunState.RUNNING:
        raise ConflictError(f"Run {run_id} has not ended; wait for it, or cancel it with `clerk-tasks runs cancel`.")
    if run["pipeline"] != MEETINGS:
        raise UsageError(f"Run {run_id} is one job of type {run['pipeline']}; retry it with `clerk-tasks jobs retry`.")
    known = [stage.name for stage in stages()]
    passed = [stage for stage in run["stages"] if stage["name"] in known]
    failed = [stage["name"] for stage in passed if stage["failed"] or stage["cancelled"]]
    stage = start or (READING if kinds else (failed or [stage["name"] for stage in passed] or known)[0])
    waiting = waiting_documents(run["subdomain"])
    given_up = len(given_up_before(run["subdomain"], waiting))
    missing = len(waiting) - given_up
    if start is None and not kinds and stage == READING and not given_up + missing and _lacks_documents(run):
        stage = known[0]
    job_type = job_type_of(stage)
    return RunRetry(run_id, run["subdomain"], stage, job_type, _arguments(run, job_type, kinds), given_up, missing)


def _lacks_documents(run: Mapping[str, Any]) -> bool:
    """Return whether documents are to be read that are not there: they have to be fetched first."""
    return any(job["job_type"] == "ocr-page" and job["state"] == JobState.DISCARDED for job in run["jobs"])


def _parse_only(only: str | None, start: str | None) -> frozenset[str]:
    kinds = frozenset((only or "").replace(" ", "").split(",")) - {""}
    if only is not None and (not kinds or kinds - ONLY):
        raise UsageError(f"--only {only!r}: use failed, missing, or failed,missing.")
    if kinds and start not in (None, READING):
        raise UsageError(f"--only chooses documents to read: it goes with --from {READING}, not with --from {start}.")
    return kinds


def _arguments(run: Mapping[str, Any], job_type: str, kinds: frozenset[str]) -> dict[str, Any]:
    """Return what the run's own job of that type was given; by hand, what was given up is tried again."""
    if job_type == "coordinator":
        return {"failed_too": not kinds or "failed" in kinds, "missing_too": not kinds or "missing" in kinds}
    first = next((job["id"] for job in reversed(run["jobs"]) if job["job_type"] == job_type), None)
    if first is None:
        return {}
    with reading() as connection:
        return dict(queries.show_job(connection, first)["arguments"])


def enqueue(retry: RunRetry, *, reason: str | None = None) -> Enqueued:
    """Enqueue it as a new run; ConflictError while another passage of the site is under way."""
    request = JobRequest(retry.job_type, retry.subdomain, retry.arguments)
    enqueued = dispatcher.enqueue(request, always_publish=True)
    with suppress(DatabaseUnavailable), transaction() as connection:  # it is enqueued already
        record_act(connection, "retry", f"run {retry.run_id} from stage {retry.stage}", reason=reason)
    return enqueued
