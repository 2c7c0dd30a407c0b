"""What to publish: the available jobs are the outbox, and a message says no more than that a queue has some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    exists,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import queues_table as queues
from clerk.pauses import Paused
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import MESSAGE_COLUMNS, Message
from clerk_tasks.ledger.paused import NOTHING_PAUSED, sites_left
from clerk_tasks.ledger.turns import made_available

#: How many messages of a queue are outstanding at most: each one starts a child, which takes one job after another.
FEW = 4
#: After this time an outstanding message counts as lost, in seconds; the relay does not wait so long.
MESSAGE_LIFETIME = 10.0
#: How many jobs one transaction promotes, so that none gets long.
PASS = 1000

_DUE = (
    select(jobs.c.id)
    .where(one_of(jobs.c.state, (JobState.SCHEDULED, JobState.RETRYABLE)), jobs.c.due_at <= now())
    .order_by(jobs.c.priority, jobs.c.due_at)
    .limit(PASS)
    .with_for_update(skip_locked=True)
)
_PROMOTE: ReturningUpdate[Any] = made_available(_DUE, {"note": None}).returning(literal_column("1"))
_SILENT = or_(queues.c.published_at.is_(None), queues.c.published_at <= now(-MESSAGE_LIFETIME))
_OF_QUEUE = queues.c.queue == bindparam("b_queue")
_ANSWERED = Compiled(update(queues).where(_OF_QUEUE, queues.c.published_at.is_not(None)).values(published_at=None))


def outstanding_message() -> ColumnElement[bool]:
    """Return PostgreSQL's condition that a message of queue `b_queue` is outstanding; if not, note that one is now.

    It locks the queue's row against `answered` until the transaction ends: a child that answers the outstanding message
    looks for work after that, and then sees what this transaction has recorded.
    """
    due = update(queues).where(_OF_QUEUE, _SILENT).values(published_at=now()).returning(queues.c.queue).cte("due")
    outstanding = (
        select(queues.c.published_at).where(_OF_QUEUE, ~exists(select(due.c.queue))).with_for_update(read=True)
    ).cte("outstanding")
    return exists(select(outstanding.c.published_at).where(outstanding.c.published_at.is_not(None)))


def _announced() -> dict[str, Compiled]:
    """Return the statements that return a row if a message is needed, and note that it is outstanding then."""
    upsert = sqlite.insert(queues).values(queue=bindparam("b_queue"), published_at=now())
    on_sqlite = upsert.on_conflict_do_update(
        index_elements=[queues.c.queue], set_={"published_at": now()}, where=_SILENT
    ).returning(queues.c.queue)
    on_postgresql: Select[int] = select(literal_column("1")).where(~outstanding_message())
    return {"sqlite": Compiled(on_sqlite), "postgresql": Compiled(on_postgresql)}


_ANNOUNCE = _announced()
_REGISTER = {
    dialect.dialect.name: dialect.insert(queues).values(queue=bindparam("queue")).on_conflict_do_nothing()
    for dialect in (sqlite, postgresql)
}


def register_queues(connection: Connection, names: Iterable[str]) -> None:
    """Make the rows of queues that have none."""
    connection.execute(_REGISTER[connection.dialect.name], [{"queue": name} for name in sorted(names)])


def announce(connection: Connection, queue: str) -> bool:
    """Return whether a message must be published for a job of a queue that this transaction has recorded.

    It need not while another message is outstanding. It is the transaction's last statement.
    """
    return _ANNOUNCE[connection.dialect.name](connection, {"b_queue": queue}) is not None


def answered(connection: Connection, queue: str) -> None:
    """Note that no message of a queue is outstanding: this one is being answered. Commit before you look for work."""
    _ANSWERED(connection, {"b_queue": queue})


def promote_due(connection: Connection) -> bool:
    """Make scheduled and retryable jobs available whose time has come, at most PASS; return whether there may be more.

    The most urgent are the first.
    """
    return len(connection.execute(_PROMOTE).all()) >= PASS  # SQLite counts no rows for a statement that begins WITH


class Waiting:
    """The statements that find the queues with work for one who knows the given job types, and what it cannot do."""

    def __init__(self, queue_names: Iterable[str], job_types: Iterable[str], paused: Paused = NOTHING_PAUSED) -> None:
        self.queues, self.job_types, self.paused = sorted(queue_names), sorted(job_types), paused
        queues_left = [] if paused.everything else sorted(set(self.queues) - paused.queues)
        types_left = sorted(set(self.job_types) - paused.job_types)
        self._statement = _waiting(queues_left, types_left, paused.sites) if queues_left and types_left else None
        self._unknown = (
            jobs.c.state == constant(JobState.AVAILABLE),
            jobs.c.job_type.not_in(self.job_types),
            jobs.c.note.is_(None),
        )
        among = jobs.c.queue.in_(bindparam("b_queues", expanding=True))
        self._with_others = select(jobs.c.queue).where(among, *self._unknown).distinct()

    def without(self, paused: Paused) -> Waiting:
        """Return the statements that leave out what is paused."""
        return self if paused == self.paused else Waiting(self.queues, self.job_types, paused)

    def __call__(self, connection: Connection) -> dict[str, list[Message]]:
        """Return {queue: its first jobs that may be claimed}, at most FEW of each, queues without any left out."""
        if self._statement is None:
            return {}
        rows = [Message._make(row) for row in connection.execute(self._statement)]
        return {queue: list(group) for queue, group in groupby(rows, key=attrgetter("queue"))}

    def with_others(self, connection: Connection, queue_names: Collection[str]) -> list[str]:
        """Return those of the queues in which jobs of other types wait without a note."""
        return sorted(connection.execute(self._with_others, {"b_queues": sorted(queue_names)}).scalars())

    def note_others(self, connection: Connection, queue: str, worker: str) -> Counter[str]:
        """Note why the available jobs of other types wait, PASS at the most; return {job type: how many got the note}.

        Jobs that have a note keep it.
        """
        others = (
            select(jobs.c.id).where(jobs.c.queue == queue, *self._unknown).limit(PASS).with_for_update(skip_locked=True)
        )
        note = literal(f"{worker} does not know ") + jobs.c.job_type + "."
        noted = update(jobs).where(jobs.c.id.in_(others.scalar_subquery())).values(note=note)
        return Counter(connection.execute(noted.returning(jobs.c.job_type)).scalars())


def _waiting(
    queue_names: Sequence[str], job_types: Sequence[str], without_sites: Iterable[str]
) -> CompoundSelect[tuple[str, str, str, int]]:
    first = [
        select(*MESSAGE_COLUMNS)
        .where(jobs.c.state == constant(JobState.AVAILABLE), jobs.c.queue == queue, jobs.c.job_type.in_(job_types))
        .where(*sites_left(without_sites))
        .order_by(jobs.c.priority, jobs.c.turn, jobs.c.id)
        .limit(FEW)
        .subquery()
        for queue in queue_names
    ]
    return union_all(*(select(*rows.c) for rows in first))


def handful(messages: Iterable[Message]) -> list[Message]:
    """Return as many of the messages as are worth publishing: the most urgent FEW of each queue."""
    chosen: list[Message] = []
    for _, group in groupby(sorted(messages, key=attrgetter("queue", "priority")), key=attrgetter("queue")):
        chosen += list(group)[:FEW]
    return chosen
