"""Keep totals of what has ended, and find what has ended since; keep each job's trace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, columns_of, create_or_complete, has_table

revision = "b7e04c93d5f1"
down_revision = "c7a15e90d3f2"

#: Index -> table, column, and the rows that it has, all if None.
INDEXES: dict[str, tuple[str, str, str | None]] = {
    "ix_jobs_completed": ("jobs", "finished_at", "state = 'completed'"),
    "ix_attempts_finished_at": ("attempts", "finished_at", None),
    "ix_runs_finished_at": ("runs", "finished_at", "pipeline = 'meetings'"),
    "ix_schedule_slots_decided_at": ("schedule_slots", "decided_at", None),
}


def upgrade() -> None:
    create_or_complete(
        "totals",
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("labels", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("buckets", sa.JSON, nullable=False),
    )
    add_columns("jobs", sa.Column("traceparent", sa.Text))
    for name, (table, column, rows) in INDEXES.items():
        where = sa.text(rows) if rows else None
        op.create_index(name, table, [column], if_not_exists=True, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, (table, _, _) in INDEXES.items():
        op.drop_index(name, table, if_exists=True)
    if "traceparent" in columns_of("jobs"):
        op.execute("ALTER TABLE jobs DROP COLUMN traceparent")
    # Nothing but counters: Prometheus takes one that begins again for what it is.
    op.execute("DELETE FROM clerk_meta WHERE key = 'totals_until'")
    if has_table("totals"):
        op.drop_table("totals")
