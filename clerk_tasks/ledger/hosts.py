"""Which job visits a host: one at a time over all workers, with a pause after each request."""

from __future__ import annotations

from sqlalchemy import Connection, Float, bindparam, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.clock import database_time, now
from clerk.database.tables import hosts_table as hosts

#: How long a visit may take before the host counts as free again, in seconds: the visitor may be dead.
LEASE = 120.0

_HOST = hosts.c.host == bindparam("b_host")
_RELEASE = (
    update(hosts)
    .where(_HOST, hosts.c.job_id == bindparam("b_job"))
    .values(free_at=now(bindparam("b_pause", type_=Float)), job_id=null())
)
_FREE_AT = select(hosts.c.free_at).where(_HOST)
_DIALECTS = {"sqlite": sqlite, "postgresql": postgresql}


def take(connection: Connection, host: str, job_id: str) -> float:
    """Begin a visit of a host; return 0, or in how many seconds the host is free if another job visits it.

    A later attempt of the same job goes on with its visit.
    """
    insert = _DIALECTS[connection.dialect.name].insert(hosts).values(host=host, free_at=now(LEASE), job_id=job_id)
    taken = insert.on_conflict_do_update(
        index_elements=[hosts.c.host],
        set_={"free_at": now(LEASE), "job_id": job_id},
        where=or_(hosts.c.free_at <= now(), hosts.c.job_id == job_id),
    ).returning(hosts.c.host)
    if connection.execute(taken).first() is not None:
        return 0.0
    free_at = connection.execute(_FREE_AT, {"b_host": host}).scalar_one()
    seconds: float = (free_at - database_time(connection)).total_seconds()
    return min(max(seconds, 0.001), LEASE)


def release(connection: Connection, host: str, job_id: str, *, pause: float) -> None:
    """End a visit; the host is left alone for so many seconds."""
    connection.execute(_RELEASE, {"b_host": host, "b_job": job_id, "b_pause": pause})
