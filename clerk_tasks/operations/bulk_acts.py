"""The acts on all jobs that match: cancel, dismiss, move, reprioritise and retry."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from clerk.acts import by_with
from clerk.database.states import UNFINISHED, UNSUCCESSFUL, WAITING, JobState
from clerk.errors import ClerkError
from clerk_tasks.ledger import interventions
from clerk_tasks.ledger.rerouting import Rerouting, reroute
from clerk_tasks.ledger.retries import Retried, refusals, retry_jobs
from clerk_tasks.operations.bulk import BulkAct, PartDone


def cancelling(reason: str | None) -> BulkAct:
    """Return the act that cancels jobs: at once if they wait; those that run are asked to stop."""
    by = by_with(reason)

    def cancel(connection: Connection, job_ids: Sequence[str]) -> PartDone:
        states = interventions.hold(connection, job_ids)
        unfinished = [job_id for job_id, state in states.items() if state in UNFINISHED]
        messages = interventions.cancel_jobs(connection, unfinished, by=by)
        # The end of a stage cancels the jobs of the stages after it, which may be among these.
        cancelled = [job_id for job_id, state in states.items() if state in (*UNFINISHED, JobState.CANCELLED)]
        return PartDone(cancelled, messages, _changed(job_ids, cancelled, states))

    return BulkAct("cancel", "cancelled", UNFINISHED, cancel)


def dismissing(reason: str | None) -> BulkAct:
    """Return the act that dismisses dead letters."""
    by = by_with(reason)

    def dismiss(connection: Connection, job_ids: Sequence[str]) -> PartDone:
        states = interventions.hold(connection, job_ids)
        dead = [job_id for job_id, state in states.items() if state == JobState.DISCARDED]
        interventions.dismiss(connection, dead, by=by)
        return PartDone(dead, (), _changed(job_ids, dead, states))

    return BulkAct("dismiss", "dismissed", (JobState.DISCARDED,), dismiss, also=interventions.UNDISMISSED)


def moving(rerouting: Rerouting) -> BulkAct:
    """Return the act that gives waiting jobs another queue, or else another priority."""

    def move(connection: Connection, job_ids: Sequence[str]) -> PartDone:
        changed, messages = reroute(connection, job_ids, rerouting)
        return PartDone(changed, messages, _changed(job_ids, changed, {}))

    if rerouting.queue is not None:
        return BulkAct("move", "moved", WAITING, move, suffix=f" to queue {rerouting.queue}")
    assert rerouting.priority is not None, "it is given the one or the other"  # noqa: S101
    suffix = f" to priority {rerouting.priority.name.lower()}"
    return BulkAct("reprioritise", "reprioritised", WAITING, move, suffix=suffix)


def retrying() -> BulkAct:
    """Return the act that retries dead letters, or cancelled jobs if that state is named."""
    total = Retried()

    def retry(connection: Connection, job_ids: Sequence[str]) -> PartDone:
        # A job of a run that was reopened for one before it goes on already.
        chosen = [job_id for job_id in job_ids if job_id not in total.job_ids]
        done = retry_jobs(connection, chosen)
        total.job_ids |= done.job_ids
        return PartDone([job_id for job_id in job_ids if job_id in total.job_ids], done.messages, _said(done.refused))

    def foresee(connection: Connection, job_ids: Sequence[str]) -> PartDone:
        done = refusals(connection, job_ids)
        return PartDone([job_id for job_id in job_ids if job_id in done.job_ids], (), _said(done.refused))

    dead_letters = (JobState.DISCARDED,)
    states = (JobState.DISCARDED, JobState.CANCELLED)
    assert set(states) == set(UNSUCCESSFUL)  # noqa: S101
    return BulkAct("retry", "retried", states, retry, default=dead_letters, foresee=foresee)


def _said(refused: dict[str, ClerkError]) -> list[str]:
    return [str(error) for error in refused.values()]


def _changed(job_ids: Sequence[str], done: Sequence[str], states: dict[str, str]) -> list[str]:
    """Say of the jobs that were not done what has become of them since they were found."""
    left = sorted(set(job_ids) - set(done))
    return [f"Job {job_id} has changed meanwhile" + _now(states.get(job_id)) for job_id in left]


def _now(state: str | None) -> str:
    return "." if state is None else f": {state}."
