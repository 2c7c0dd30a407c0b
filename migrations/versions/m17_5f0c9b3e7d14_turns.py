"""Give jobs a turn: within a priority, a queue's jobs are claimed one of each site after the other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, columns_of

revision = "5f0c9b3e7d14"
down_revision = "91c4b0e7d2a8"

AVAILABLE = sa.text("state = 'available'")


def _index(*columns: str) -> None:
    op.drop_index("ix_jobs_available", "jobs", if_exists=True)
    op.create_index("ix_jobs_available", "jobs", columns, sqlite_where=AVAILABLE, postgresql_where=AVAILABLE)


def upgrade() -> None:
    add_columns("jobs", sa.Column("turn", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "turns",
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("subdomain", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("queue", "priority", "subdomain", name="pk_turns"),
        if_not_exists=True,
    )
    _index("queue", "priority", "turn", "id")


def downgrade() -> None:
    _index("queue", "priority", "id")
    if "turn" in columns_of("jobs"):
        op.execute("ALTER TABLE jobs DROP COLUMN turn")
    op.drop_table("turns", if_exists=True)
