"""What Alembic runs: the migrations, on the connection that clerk.database.migrate hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from migrations.comparison import OPTIONS


def run(connection: Connection) -> None:
    """Run inside the caller's transaction: all of it happens, or none."""
    context.configure(connection=connection, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("These migrations look at the database that they change; they cannot be written out as SQL.")
run(context.config.attributes["connection"])
