"""Celery's results, read from the ledger: `AsyncResult(job_id).state`, `.get()` and `.info`."""

from __future__ import annotations

from typing import Any

from celery import states
from celery.backends.base import Backend, SyncBackendMixin

from clerk.database.states import JobState
from clerk.database.transactions import reading
from clerk.errors import ClerkError, NotFoundError
from clerk_tasks.ledger import queries

_STATES = {
    JobState.SCHEDULED: states.PENDING,
    JobState.AVAILABLE: states.PENDING,
    JobState.HELD: states.PENDING,
    JobState.RUNNING: states.STARTED,
    JobState.RETRYABLE: states.RETRY,
    JobState.COMPLETED: states.SUCCESS,
    JobState.DISCARDED: states.FAILURE,
    JobState.CANCELLED: states.REVOKED,
}


class JobFailed(ClerkError):
    """A job ended as a dead letter, or was cancelled."""


class LedgerBackend(SyncBackendMixin, Backend):  # type: ignore[misc]
    """A result backend that stores nothing: the outcomes are in the ledger, where the worker has recorded them."""

    persistent = True

    def store_result(self, task_id: str, result: Any, state: str, *_: Any, **__: Any) -> Any:
        """Store nothing."""
        return result

    def get_task_meta(self, task_id: str, cache: bool = True) -> dict[str, Any]:
        """Return a job's state and result, as Celery's AsyncResult wants them; an unknown job is PENDING."""
        try:
            with reading() as connection:
                job = queries.show_job(connection, task_id)
        except NotFoundError:
            return {"task_id": task_id, "status": states.PENDING, "result": None, "traceback": None}
        state = JobState(job["state"])
        result: Any = job["result"]
        if state in (JobState.DISCARDED, JobState.CANCELLED):
            result = JobFailed(f"Job {task_id} is {state}: {job['error'] or job['note'] or 'no reason is recorded'}")
        elif state is not JobState.COMPLETED:
            result = {"note": job["note"], "error": job["error"], "attempt": job["attempt"]}
        return {
            "task_id": task_id,
            "status": _STATES[state],
            "result": result,
            "traceback": None,
            "date_done": job["finished_at"],
        }
