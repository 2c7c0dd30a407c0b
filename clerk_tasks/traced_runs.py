"""Give the jobs of a new run the span that enqueues them, where something traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from clerk.jobs import JobContext, current_job
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.traces import traceparent_of_run
from clerk_tasks.tracing import Tracing, tracing


def traced_job(job: NewJob, *, run_id: str) -> NewJob:
    """Return a job that is the only one of a new run, with its span."""
    if (found := tracing()) is None:
        return job
    return replace(job, traceparent=_enqueued(found, job, 1, run_id, run=None, of_many=False))


def traced_stages(
    connection: Connection, new_stages: Sequence[NewStage], *, run_id: str, joined: str | None, of_many: bool
) -> Sequence[NewStage]:
    """Return the stages of a run with the span of each job.

    All jobs of a run are in one trace. It is the enqueuer's own, unless that is of another run, or begins several runs:
    then the run's trace is linked to it. Jobs that have `joined` a run are in that run's.
    """
    if (found := tracing()) is None:
        return new_stages
    run = traceparent_of_run(connection, joined) if joined else None
    count = sum(len(stage.jobs) for stage in new_stages)
    span = _enqueued(found, new_stages[0].jobs[0], count, run_id, run=run, of_many=of_many)
    return [replace(stage, jobs=[replace(job, traceparent=span) for job in stage.jobs]) for stage in new_stages]


def _enqueued(found: Tracing, first: NewJob, count: int, run_id: str, *, run: str | None, of_many: bool) -> str | None:
    current = found.current()
    apart = of_many or current_job().job_id != JobContext.job_id
    parent = run or (None if apart else current)
    attributes = {
        "messaging.system": "clerk-tasks",
        "messaging.operation.type": "send",
        "messaging.operation.name": "enqueue",
        "messaging.destination.name": first.queue,
        "messaging.batch.message_count": count,
        "clerk.job_type": first.job_type,
        "clerk.subdomain": first.subdomain,
        "clerk.run_id": run_id,
    }
    link = current if current != parent else None
    return found.enqueued(f"enqueue {first.job_type}", attributes, parent=parent, link=link)
