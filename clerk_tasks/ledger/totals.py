"""Count what has ended, so that the counts outlive the rows, and cost the same however many rows there are.

`totals` has what ended up to a moment, the one in `clerk_meta` as `totals_until`; `fold` moves that moment forward, and
adds what ended in between. `read` adds what has ended since, by the indexes of the ends. Neither touches a job's way
through the ledger. A counter never falls: what `read` adds is final, and what an operator may undo is only folded.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, text, update

from clerk.database.clock import CLOCK_MARGIN, database_time
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.tables import totals_table as totals
from clerk_tasks.ledger.ends import Name, Total, Totals, add_ends, any_ended, end_of_chunk

#: The row of `clerk_meta` with the moment up to which everything is folded.
UNTIL = "totals_until"
#: How many completed jobs one fold adds up, about: on SQLite nothing else is written meanwhile.
CHUNK = 10_000
#: How long after its end something is folded at the earliest: its transaction has to be over.
MARGIN = timedelta(seconds=5)

_AHEAD = timedelta(seconds=CLOCK_MARGIN)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_REGISTER = text("INSERT INTO clerk_meta (key, value) VALUES (:key, :value) ON CONFLICT DO NOTHING")
_OPEN_SINCE = text(
    "SELECT min(xact_start) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
)


def read(connection: Connection) -> Totals:
    """Return all totals as of now, in a transaction that sees one moment.

    jobs (job type, stage, status), duration and wait (job type, queue, stage), runs (pipeline, state), slots (schedule,
    fate). A job that ended is counted by its state, an attempt that did not complete its job by its outcome.
    """
    found = {
        Name(row.metric, tuple(json.loads(row.labels))): Total(row.number, row.seconds, tuple(row.buckets))
        for row in connection.execute(select(totals))
    }
    _use_indexes(connection)
    add_ends(connection, found, min(_until(connection), database_time(connection)), None)
    return found


def is_due(connection: Connection) -> bool:
    """Return whether there is something to fold."""
    _use_indexes(connection)
    after, until = _until(connection), _latest(connection)
    if after > until + _AHEAD:
        return True
    return any_ended(connection, after, until)


def fold(connection: Connection) -> bool:
    """Fold the oldest CHUNK of what has ended since the last time; return whether that was all.

    Returns True, too, if another process is folding.
    """
    after = _hold(connection)
    if after is None:
        return True
    _use_indexes(connection)
    latest = _latest(connection)
    if after > latest + _AHEAD:  # the clock was ahead: go on from here
        _set(connection, latest)
        return True
    until = min(end_of_chunk(connection, after, CHUNK) or latest, latest)
    if until <= after:
        return True
    found: Totals = {}
    add_ends(connection, found, after, until)
    for name, total in found.items():
        _store(connection, name, total)
    _set(connection, until)
    return until == latest


def folded_until(connection: Connection) -> datetime:
    """Return the moment up to which everything is folded."""
    return _until(connection)


def _until(connection: Connection) -> datetime:
    said = connection.execute(select(meta.c.value).where(meta.c.key == UNTIL)).scalar()
    return datetime.fromisoformat(said) if said else _BEGINNING


def _hold(connection: Connection) -> datetime | None:
    """Lock the moment up to which everything is folded, and return it; None if another process has it."""
    connection.execute(_REGISTER, {"key": UNTIL, "value": _BEGINNING.isoformat()})
    held = select(meta.c.value).where(meta.c.key == UNTIL).with_for_update(skip_locked=True)
    found = connection.execute(held).scalar()
    return None if found is None else datetime.fromisoformat(found)


def _set(connection: Connection, until: datetime) -> None:
    connection.execute(update(meta).where(meta.c.key == UNTIL).values(value=until.isoformat()))


def _use_indexes(connection: Connection) -> None:
    """Make PostgreSQL use the indexes of the ends, even if it has not noticed yet how large the tables are."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")


def _latest(connection: Connection) -> datetime:
    """Return the moment up to which nothing can end any more: what would is seen, or has yet to take its time.

    PostgreSQL's transactions may commit in another order than they took their times; those that have written and are
    still open are known. SQLite's writers wait for each other.
    """
    latest = database_time(connection) - MARGIN
    if connection.dialect.name == "postgresql":
        open_since = connection.execute(_OPEN_SINCE).scalar()
        if open_since is not None:
            latest = min(latest, open_since.astimezone(UTC) - timedelta(milliseconds=1))
    return latest


def _store(connection: Connection, name: Name, more: Total) -> None:
    key = (totals.c.metric == name.metric, totals.c.labels == json.dumps(name.labels))
    row = connection.execute(select(totals.c.number, totals.c.seconds, totals.c.buckets).where(*key)).first()
    before = Total() if row is None else Total(row.number, row.seconds, tuple(row.buckets))
    values = (before + more)._asdict() | {"buckets": list((before + more).buckets)}
    if row is None:
        connection.execute(insert(totals).values(metric=name.metric, labels=json.dumps(name.labels), **values))
    else:
        connection.execute(update(totals).where(*key).values(values))
