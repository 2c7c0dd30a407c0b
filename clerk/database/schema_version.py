"""Read from a database whether this code can use it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from clerk.database.advice import unavailable_as_advice
from clerk.database.engine import normalise_url, show_address
from clerk.database.schema_stamp import GENERATION, HEAD, REVISIONS, SchemaStamp
from clerk.database.tables import clerk_meta_table
from clerk.errors import DatabaseUnavailable

__all__ = ["GENERATION", "HEAD", "REVISIONS", "SchemaStamp", "ensure_usable", "read_stamp", "shown"]


def read_stamp(connection: Connection) -> SchemaStamp:
    """Read what the database says of itself."""
    inspector = sa.inspect(connection)
    revisions: list[str] = []
    if inspector.has_table("alembic_version"):
        query = sa.select(sa.column("version_num", sa.Text)).select_from(sa.table("alembic_version"))
        revisions = list(connection.execute(query).scalars())
    meta: dict[str, str] = {}
    if inspector.has_table(clerk_meta_table.name):
        meta = dict(connection.execute(sa.select(clerk_meta_table)).all())
    return SchemaStamp.of(revisions, meta)


def ensure_usable(on: Connection | Engine) -> None:
    """Raise DatabaseUnavailable, with advice, if this code cannot use the database."""
    if isinstance(on, Connection):
        if problem := read_stamp(on).problem():
            raise DatabaseUnavailable(f"The database {shown(on.engine)} {problem}")
    else:
        with unavailable_as_advice(on), on.connect().execution_options(reading=True) as connection:
            ensure_usable(connection)


def shown(database: Engine | sa.URL | str) -> str:
    """Return a database's address without its passwords."""
    address = database.url if isinstance(database, Engine) else database
    url = normalise_url(address) if isinstance(address, str) else address
    return show_address(url)
