"""Steps that migrations are made of; each does only what is not done yet.

Databases come to us half way: made by `create_all` at some release and never stamped, with newer tables beside an
older `sites`, or stopped in the middle of a migration that was not one transaction. So every step looks first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

from clerk.errors import ClerkError

#: What programs and people have stored for true in SQLite's untyped booleans.
TRUTHS = ("1", "t", "true", "y", "yes", "on")


def has_table(table: str) -> bool:
    """Say whether the table exists."""
    return sa.inspect(op.get_bind()).has_table(table)


def columns_of(table: str) -> set[str]:
    """Return the names of a table's columns."""
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add the columns that the table does not have yet."""
    present = columns_of(table)
    for column in columns:
        if column.name not in present:
            op.add_column(table, column)


def create_or_complete(table: str, *columns: sa.Column[Any]) -> None:
    """Create a table, or add to the one that is there the columns that it lacks."""
    if has_table(table):
        add_columns(table, *columns)
    else:
        op.create_table(table, *columns)


def add_index(name: str, table: str, columns: Sequence[str], *, postgresql_where: str | None = None) -> None:
    """Create an index unless there is one of that name; `postgresql_where` makes it partial on PostgreSQL."""
    where = sa.text(postgresql_where) if postgresql_where else None
    op.create_index(name, table, list(columns), if_not_exists=True, postgresql_where=where)


def is_sqlite() -> bool:
    """Say whether the database is SQLite, rather than PostgreSQL."""
    return op.get_bind().dialect.name == "sqlite"


def normalise_booleans(table: str, *names: str) -> None:
    """Turn every text, null or odd number in SQLite's boolean columns into 0 or 1."""
    if not is_sqlite():
        return
    for name in names:
        column: sa.ColumnClause[Any] = sa.column(name)
        said = sa.func.lower(sa.func.trim(sa.cast(column, sa.Text)))
        as_number = sa.cast(column, sa.Integer)
        value = sa.case((said.in_(TRUTHS), 1), (as_number != 0, 1), else_=0)
        odd = sa.or_(sa.func.typeof(column) != "integer", column.not_in((0, 1)))
        target = sa.table(table, column)
        op.execute(target.update().where(odd).values({name: value}))


@contextmanager
def rebuilding(table: str) -> Iterator[BatchOperations]:
    """Alter columns in place on PostgreSQL; on SQLite rebuild the table, and put its triggers back."""
    if not is_sqlite():
        with op.batch_alter_table(table, recreate="never") as batch:
            yield batch
        return
    run = op.get_bind().exec_driver_sql
    query = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?)"
    triggers = [row.sql for row in run(query, (table,))]
    run("PRAGMA legacy_alter_table = ON")  # else a view of the table, gone for a moment, stops the renaming
    with op.batch_alter_table(table, recreate="always") as batch:
        yield batch
    run("PRAGMA legacy_alter_table = OFF")
    for sql in triggers:
        run(sql)


def refuse_downgrade(revision: str) -> None:
    """Refuse to undo a migration: it would throw away columns or tables with what they hold."""
    raise ClerkError(
        f"Migration {revision} cannot be undone without losing data. Older code may run on the newer database; "
        "to go back, restore the backup that `clerk-tasks db upgrade` made."
    )
