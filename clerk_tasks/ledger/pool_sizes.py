"""How many jobs at a time a worker of a pool runs, where an operator has said so."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.clock import now
from clerk.database.operator_tables import pool_sizes_table as sizes
from clerk.database.tables import workers_table as workers

_WANTED = select(
    workers.c.concurrency,
    select(func.max(sizes.c.size)).where(sizes.c.pool.in_(bindparam("b_pools", expanding=True))).scalar_subquery(),
).where(workers.c.instance == bindparam("b_instance"))


class WantedSize(NamedTuple):
    """What the ledger says of a worker: the size that is recorded, and the one that operators want, if they do."""

    recorded: int
    wanted: int | None


def wanted_size(connection: Connection, instance: str, pools: Sequence[str]) -> WantedSize | None:
    """Return what is recorded and wanted of a worker of these pools, the largest; None if it is not registered here."""
    row = connection.execute(_WANTED, {"b_instance": instance, "b_pools": list(pools)}).first()
    return None if row is None else WantedSize._make(row)


def record_size(connection: Connection, instance: str, size: int) -> None:
    """Record how many jobs a worker runs at a time."""
    connection.execute(update(workers).where(workers.c.instance == instance).values(concurrency=size))


def set_size(connection: Connection, pool: str, size: int, *, by: str) -> None:
    """Set the size of the workers of a pool."""
    dialect: ModuleType = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"size": size, "by": by, "since": now()}
    statement = dialect.insert(sizes).values(pool=pool, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[sizes.c.pool], set_=values))


def reset_size(connection: Connection, pool: str) -> bool:
    """Leave the size of its workers to their own start; return whether it was set."""
    return connection.execute(delete(sizes).where(sizes.c.pool == pool)).rowcount > 0


def sizes_set(connection: Connection) -> dict[str, int]:
    """Return {pool: size} of the pools whose size is set."""
    return {row.pool: row.size for row in connection.execute(select(sizes.c.pool, sizes.c.size))}
