"""Make the passage of a run again, from the stage that failed or from one that is named."""

from __future__ import annotations

from dataclasses import dataclass

from clerk.db import reading
from clerk.errors import ConflictError, UsageError
from clerk.jobs import JobRequest
from clerk.ledger import queries
from clerk.meetings import waiting_documents
from clerk.pipeline import MEETINGS, job_type_of, stages
from clerk.states import RunState
from clerk_tasks import dispatcher
from clerk_tasks.dispatcher import Enqueued


@dataclass(frozen=True, slots=True)
class Rerun:
    """What would be done: from which stage, and how many documents wait to be read."""

    subdomain: str
    stage: str
    job_type: str
    waiting: int


def plan(run_id: str, start: str | None) -> Rerun:
    """Return how a run that has ended would be made again, by default from its first stage with failed jobs.

    Raises NotFoundError for an unknown run or stage, ConflictError while it runs, UsageError for another pipeline's.
    """
    with reading() as connection:
        run = queries.show_run(connection, run_id)
    if run["state"] == RunState.RUNNING:
        raise ConflictError(f"Run {run_id} has not ended; wait for it, or cancel it with `clerk-tasks runs cancel`.")
    if run["pipeline"] != MEETINGS:
        raise UsageError(f"Run {run_id} is a lone {run['pipeline']}; retry its job with `clerk-tasks jobs retry`.")
    failed = [stage["name"] for stage in run["stages"] if stage["failed"] or stage["cancelled"]]
    known = [stage.name for stage in stages()]
    stage = start or next((name for name in failed if name in known), known[0])
    waiting = len(waiting_documents(run["subdomain"]))
    return Rerun(run["subdomain"], stage, job_type_of(stage), waiting)


def enqueue(rerun: Rerun) -> Enqueued:
    """Enqueue it as a new run; ConflictError while another passage of the site is under way."""
    return dispatcher.enqueue(JobRequest(rerun.job_type, rerun.subdomain))
