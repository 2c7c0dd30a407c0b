"""How tables are compared with the model: what is ours only, with types and defaults."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clerk.database.operator_tables import metadata


def is_our_table(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave alone the tables that other programs keep in the same database."""
    return kind != "table" or name in metadata.tables


def is_ours(_object: Any, _name: str | None, _kind: str, found: bool, expected: Any) -> bool:
    """Leave alone the columns, indexes and constraints that other programs have added to our tables."""
    return not found or expected is not None


def has_other_type(_context: Any, _found: Any, _expected: Any, found: Any, expected: Any) -> bool | None:
    """Take TEXT for any text, as both databases do; None leaves the rest to Alembic."""
    return False if isinstance(found, sa.Text) and isinstance(expected, sa.String) else None


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "include_name": is_our_table,
    "include_object": is_ours,
    "compare_type": has_other_type,
    "compare_server_default": True,
}
