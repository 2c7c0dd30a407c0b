"""What became of the runs that began since a moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from clerk.database.states import RunState
from clerk.database.tables import runs_table as runs


def count_runs_since(connection: Connection, since: datetime) -> dict[str, int]:
    """Return {state: number of runs that began since then}, every state named, read by the index of their births."""
    query = select(runs.c.state, func.count()).where(runs.c.created_at >= since).group_by(runs.c.state)
    return {state.value: 0 for state in RunState} | {row[0]: row[1] for row in connection.execute(query)}
