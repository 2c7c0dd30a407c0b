"""Give jobs that wait another queue or another priority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, select, update

from clerk.database.literals import batched, constant
from clerk.database.states import WAITING, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.errors import ConflictError, missing
from clerk.jobs import Priority
from clerk_tasks.ledger.insert import MESSAGE_COLUMNS, Message
from clerk_tasks.ledger.publications import register_queues
from clerk_tasks.ledger.turns import given_turns

# An expression, so that PostgreSQL finds these jobs by their ids: it often believes that an index of states is empty.
_WAITS = jobs.c.state.concat("").in_([constant(state) for state in WAITING])
_AVAILABLE = jobs.c.state == constant(JobState.AVAILABLE)


@dataclass(frozen=True, slots=True)
class Rerouting:
    """What jobs are given; None: what they have."""

    queue: str | None = None
    priority: Priority | None = None

    def values(self) -> dict[str, Any]:
        """Return what changes in a job's row; the note of an available job says why it waits in its old queue."""
        given = {"queue": self.queue, "priority": None if self.priority is None else int(self.priority)}
        return {name: value for name, value in given.items() if value is not None} | {
            "note": case((_AVAILABLE, None), else_=jobs.c.note)
        }


def reroute(connection: Connection, job_ids: Sequence[str], rerouting: Rerouting) -> tuple[list[str], list[Message]]:
    """Reroute those of the jobs that wait; return their ids, and the messages to publish for the available ones."""
    if rerouting.queue is not None:
        register_queues(connection, [rerouting.queue])
    changed: list[str] = []
    messages: list[Message] = []
    for some in batched(sorted(set(job_ids))):
        held = select(jobs.c.id).where(jobs.c.id.in_(some), _WAITS).order_by(jobs.c.id).with_for_update()
        ids = list(connection.execute(held).scalars())
        moved: list[str] = []
        rerouted = update(jobs).where(jobs.c.id.in_(ids), _WAITS).values(rerouting.values())
        for row in connection.execute(rerouted.returning(*MESSAGE_COLUMNS, jobs.c.state)):
            changed.append(row.id)
            if row.state == JobState.AVAILABLE:
                messages.append(Message._make(row[:-1]))
                moved.append(row.id)
        # Their turns were those of the queue and priority that they had.
        connection.execute(given_turns(select(jobs.c.id).where(jobs.c.id.in_(moved))))
    return sorted(changed), messages


def reroute_all(connection: Connection, job_ids: Sequence[str], rerouting: Rerouting) -> list[Message]:
    """Reroute jobs, all or none. Raises NotFoundError for an unknown job, ConflictError for one that does not wait."""
    changed, messages = reroute(connection, job_ids, rerouting)
    for job_id in sorted(set(job_ids) - set(changed)):
        state = connection.execute(select(jobs.c.state).where(jobs.c.id == job_id)).scalar()
        if state is None:
            raise missing("job", job_id)
        raise ConflictError(f"Job {job_id} does not wait: {state}.")
    return messages
