"""List what operators did, follow an act, and stop one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psutil
from sqlalchemy import Connection, RowMapping

from clerk import acts
from clerk.acts import ActState, advance_act, begin_act, end_act
from clerk.database.clock import database_time
from clerk.database.transactions import reading, transaction
from clerk.errors import ClerkError, ConflictError

#: A running act that has done nothing for so long was interrupted: its process was killed, or its machine is gone.
SILENCE = timedelta(minutes=2)
#: How an act is shown whose process ended before it could say so.
INTERRUPTED_ACT = "interrupted"
#: How often an act is looked at that is followed, in seconds.
_PAUSE = 0.5


@dataclass(slots=True)
class RunningAct:
    """An act that takes several transactions; `stopped_by` is the operator who has asked for its end, if one did."""

    id: int
    stopped_by: str | None = None

    def advance(self, connection: Connection, number: int) -> None:
        """Record, in the transaction that does it, that `number` more things are done."""
        self.stopped_by = advance_act(connection, self.id, done=number, refused=0)


@contextmanager
def running_act(act: str, what: str, *, matched: int, reason: str | None = None) -> Iterator[RunningAct]:
    """Record an act on `matched` things that takes several transactions, and its end with the block.

    If the database is away at the end, the row says how far the act came.
    """
    with transaction() as connection:
        running = RunningAct(begin_act(connection, act, what, matched=matched, reason=reason))
    state = ActState.FAILED
    try:
        yield running
        state = ActState.STOPPED if running.stopped_by else ActState.DONE
    finally:
        with suppress(ClerkError), transaction() as connection:
            end_act(connection, running.id, state, stopped_by=running.stopped_by)


def list_acts(*, before: int | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """Return acts, newest first: `id`, `act`, `what`, `by`, `reason`, `state`, `matched`, `done`, `refused`, times.

    `state` is running, done, stopped, failed, or interrupted: its process ended; the row says how far it came.
    """
    with reading() as connection:
        current = database_time(connection)
        return [_shown(row, current) for row in acts.newest_acts(connection, before=before, limit=limit)]


def show_act(act_id: int) -> dict[str, Any]:
    """Return one act; NotFoundError for an unknown id."""
    with reading() as connection:
        return _shown(acts.find_act(connection, act_id), database_time(connection))


def follow_act(act_id: int) -> Iterator[dict[str, Any]]:
    """Yield an act whenever it has changed, until it has ended; NotFoundError for an unknown id."""
    before = None
    while True:
        act = show_act(act_id)
        if act != before:
            yield act
        if act["state"] != ActState.RUNNING:
            return
        before = act
        time.sleep(_PAUSE)


def stop_act(act_id: int) -> dict[str, Any]:
    """Ask a bulk act to end after its current transaction; what is done stays done. Returns it.

    Raises NotFoundError for an unknown act, ConflictError for one that has ended.
    """
    if (state := show_act(act_id)["state"]) != ActState.RUNNING:
        raise ConflictError(f"Act {act_id} has already ended: {state}.")
    with transaction() as connection:
        row = acts.request_stop(connection, act_id)
        return _shown(row, database_time(connection))


def _shown(row: RowMapping, current: datetime) -> dict[str, Any]:
    names = ("id", "act", "what", "by", "reason", "state", "matched", "done", "refused")
    shown = {name: row[name] for name in (*names, "began_at", "seen_at", "ended_at", "stopped_by")}
    return shown | ({"state": INTERRUPTED_ACT} if _is_interrupted(row, current) else {})


def _is_interrupted(row: RowMapping, current: datetime) -> bool:
    if row["state"] != ActState.RUNNING:
        return False
    is_gone = row["hostname"] == socket.gethostname() and not psutil.pid_exists(row["pid"])
    return is_gone or current - row["seen_at"] > SILENCE
