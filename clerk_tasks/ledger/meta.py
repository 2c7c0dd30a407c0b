"""What the ledger remembers about itself: one value for each key."""

from __future__ import annotations

from types import ModuleType

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.tables import clerk_meta_table as meta


def remember(connection: Connection, key: str, value: str) -> None:
    """Set the value of a key."""
    dialect: ModuleType = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(meta).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=[meta.c.key], set_={"value": value}))
