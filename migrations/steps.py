"""Steps that migrations are made of; each does only what is not done yet.

Databases come to us half way: made by `create_all` at some release and never stamped, with newer tables beside an
older `sites`, or stopped in the middle of a migration that was not one transaction. So every step looks first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations
from sqlalchemy.types import TypeEngine

from clerk.errors import ClerkError

#: What programs and people have stored for true in SQLite's untyped booleans.
TRUTHS = ("1", "t", "true", "y", "yes", "on")


def has_table(table: str) -> bool:
    """Say whether the table exists."""
    return sa.inspect(op.get_bind()).has_table(table)


def columns_of(table: str) -> set[str]:
    """Return the names of a table's columns."""
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def has_null(table: str, column: str) -> bool:
    """Say whether some row has nothing in the column."""
    nulls = sa.select(sa.func.count()).select_from(sa.table(table)).where(sa.column(column).is_(None))
    return op.get_bind().execute(nulls).scalar_one() > 0


def columns(kind: TypeEngine[Any], *names: str, nullable: bool = True) -> list[sa.Column[Any]]:
    """Return columns of one type."""
    return [sa.Column(name, kind, nullable=nullable) for name in names]


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
def rebuilding(table: str, types: Mapping[str, TypeEngine[Any]]) -> Iterator[BatchOperations]:
    """Give columns their types, and alter them: in place on PostgreSQL, by rebuilding the table on SQLite."""
    if is_sqlite():
        with _putting_back(table), _building_anew(table, types) as batch:
            yield batch
        return
    op.execute("SET LOCAL TIME ZONE 'UTC'")  # in which times without a zone are read
    with op.batch_alter_table(table, recreate="never") as batch:
        for name, target in _wrong_types(table, types).items():
            batch.alter_column(name, type_=target, postgresql_using=f"{name}::{_written(target)}")
        yield batch


@contextmanager
def _putting_back(table: str) -> Iterator[None]:
    """Take a table's indexes and triggers off, and put them back word for word: Alembic knows not all of them."""
    run = op.get_bind().exec_driver_sql
    query = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND lower(tbl_name) = ?"
    attached = [row for row in run(query, (table,)) if row.sql]
    for row in attached:
        run(f"DROP {row.type} {op.get_bind().dialect.identifier_preparer.quote(row.name)}")
    run("PRAGMA legacy_alter_table = ON")  # else a view of the table, gone for a moment, stops the renaming
    yield
    run("PRAGMA legacy_alter_table = OFF")
    for row in attached:
        run(row.sql)


@contextmanager
def _building_anew(table: str, types: Mapping[str, TypeEngine[Any]]) -> Iterator[BatchOperations]:
    def reflect(_inspector: object, _table: object, column: dict[str, Any]) -> None:
        # A type is given here, as if it had been found, since Alembic would cast: '2026-01-05' AS DATETIME is 2026.
        untyped = isinstance(column["type"], sa.types.NullType)
        column["type"] = types.get(column["name"], sa.BLOB() if untyped else column["type"])

    reflecting = {"listeners": [("column_reflect", reflect)]}
    with op.batch_alter_table(table, recreate="always", reflect_kwargs=reflecting) as batch:
        yield batch


def _wrong_types(table: str, types: Mapping[str, TypeEngine[Any]]) -> dict[str, TypeEngine[Any]]:
    """Return the columns that have another type; a TEXT may stay where a text of any length is due."""
    found = {column["name"]: column["type"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    return {
        name: target
        for name, target in types.items()
        if _written(found[name]) != _written(target)
        and not (isinstance(found[name], sa.Text) and isinstance(target, sa.String))
    }


def _written(kind: TypeEngine[Any]) -> str:
    return kind.compile(op.get_bind().dialect)


def drop_empty(*tables: str) -> None:
    """Undo the creation of tables, in this order; refuse if one of them has a row."""
    for table in tables:
        refuse_if(_count(table), f"rows of {table}")
    for table in tables:
        op.drop_table(table)


def drop_columns(table: str, **unused: Any) -> None:
    """Undo the addition of columns, {name: what it holds where it is unused}; refuse if one holds anything else."""
    for name, value in unused.items():
        column: sa.ColumnClause[Any] = sa.column(name)
        refuse_if(_count(table, column.is_distinct_from(value)), f"rows of {table} with {name}")
    for name in unused:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")  # Alembic would rebuild the table on SQLite


def refuse_if(count: int, what: str) -> None:
    """Raise ClerkError if undoing the migration would lose something."""
    if count:
        revision = op.get_context().get_current_revision()
        raise ClerkError(
            f"Migration {revision} cannot be undone without losing data: {count} {what}. Nothing was changed. "
            "Older code may run on the newer database; or restore the backup that `clerk-tasks db upgrade` made."
        )


def _count(table: str, *where: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(sa.table(table)).where(*where)
    return int(op.get_bind().execute(query).scalar_one())
