"""What operators do to the system: each act leaves a row that says who did what, when, to how many things, and why."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from clerk.database.clock import now
from clerk.database.operator_tables import acts_table as acts
from clerk.errors import ConflictError, NotFoundError

#: How many things of an act its row names.
_NAMED = 3


class ActState(StrEnum):
    """How far an act is."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # by its own Ctrl-C, or by `acts stop`; what is done stays done
    FAILED = "failed"  # by an error


#: Who acts in place of the user of this process.
_ACTING: ContextVar[str | None] = ContextVar("clerk_acting", default=None)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Record the acts of a with block as those of a person by this name, who is not the user of this process."""
    token = _ACTING.set(name)
    try:
        yield
    finally:
        _ACTING.reset(token)


def operator() -> str:
    """Return who acts: the person whom `acting_as` names, or the user's name on this machine."""
    if (acting := _ACTING.get()) is not None:
        return acting
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "an operator"


def by_with(reason: str | None) -> str:
    """Return who acts, and why if that is known, as a job's note has it."""
    return f"{operator()}: {reason}" if reason else operator()


def named(kind: str, names: Sequence[str]) -> str:
    """Return what an act is about: `jobs a, b and 7 more`."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{kind}{'' if len(names) == 1 else 's'} {', '.join(names[:_NAMED])}{more}"


def record_act(
    connection: Connection, act: str, what: str, *, number: int = 1, reason: str | None = None, by: str | None = None
) -> int:
    """Record an act in the transaction that it is; return its id."""
    return _insert(connection, act, what, matched=number, done=number, reason=reason, by=by, state=ActState.DONE)


def begin_act(connection: Connection, act: str, what: str, *, matched: int, reason: str | None) -> int:
    """Record that an act on `matched` things begins, which takes several transactions; return its id."""
    return _insert(connection, act, what, matched=matched, done=0, reason=reason, by=None, state=ActState.RUNNING)


def advance_act(connection: Connection, act_id: int, *, done: int, refused: int) -> str | None:
    """Add to what a running act has done; return the operator who asked for its end, if one did."""
    advanced = (
        update(acts)
        .where(acts.c.id == act_id)
        .values(done=acts.c.done + done, refused=acts.c.refused + refused, seen_at=now())
        .returning(acts.c.stopped_by)
    )
    stopped_by: str | None = connection.execute(advanced).scalar()
    return stopped_by


def end_act(connection: Connection, act_id: int, state: ActState, *, stopped_by: str | None = None) -> None:
    """Record how an act ended, and who stopped it."""
    ended = {"state": state.value, "seen_at": now(), "ended_at": now(), "stopped_by": stopped_by}
    connection.execute(update(acts).where(acts.c.id == act_id).values(ended))


def request_stop(connection: Connection, act_id: int) -> RowMapping:
    """Ask a running act to end, and return its row; NotFoundError for an unknown one, ConflictError if it has ended."""
    row = find_act(connection, act_id)
    if row["state"] != ActState.RUNNING:
        raise ConflictError(f"Act {act_id} has already ended: {row['state']}.")
    asked = update(acts).where(acts.c.id == act_id, acts.c.stopped_by.is_(None)).values(stopped_by=operator())
    connection.execute(asked)
    return find_act(connection, act_id)


def find_act(connection: Connection, act_id: int) -> RowMapping:
    """Return an act's row; NotFoundError for an unknown id."""
    row = connection.execute(select(acts).where(acts.c.id == act_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no act {act_id}: `clerk-tasks acts` lists them.")
    return row


def newest_acts(connection: Connection, *, before: int | None, limit: int | None) -> Sequence[RowMapping]:
    """Return the rows of acts, newest first; `before`: only those older than this one."""
    query = select(acts).order_by(acts.c.id.desc()).limit(limit)
    return connection.execute(query if before is None else query.where(acts.c.id < before)).mappings().all()


def _insert(
    connection: Connection, act: str, what: str, *, by: str | None, reason: str | None, state: ActState, **counts: int
) -> int:
    row: dict[str, Any] = {"act": act, "what": what, "by": by or operator(), "reason": reason, "state": state.value}
    row |= {"hostname": socket.gethostname(), "pid": os.getpid(), "refused": 0, "began_at": now(), "seen_at": now()}
    row |= counts | ({"ended_at": now()} if state is ActState.DONE else {})
    return int(connection.execute(insert(acts).values(row).returning(acts.c.id)).scalar_one())
