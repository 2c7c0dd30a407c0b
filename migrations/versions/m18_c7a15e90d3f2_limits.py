"""Limits: jobs that wait until a limit admits them, and what the limits are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, columns_of, refuse_if

revision = "c7a15e90d3f2"
down_revision = "5f0c9b3e7d14"

TIME = sa.DateTime(timezone=True)
LIMITED = sa.text("limit_key IS NOT NULL")
ADMITTED = sa.text("limit_key IS NOT NULL AND state IN ('available', 'running')")
HELD = sa.text("state = 'held'")


def _unique_keys(*states: str) -> None:
    unfinished = sa.text(f"state IN ({', '.join(repr(state) for state in states)})")
    op.drop_index("ux_jobs_unique_key", "jobs", if_exists=True)
    op.create_index(
        "ux_jobs_unique_key",
        "jobs",
        ["unique_key"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def upgrade() -> None:
    add_columns("jobs", sa.Column("limit_key", sa.Text))
    op.create_table(
        "limits",
        sa.Column("job_type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("concurrency", sa.Integer),
        sa.Column("rate", sa.Integer),
        sa.Column("period", sa.Float),
        sa.Column("by", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("job_type", "source", name="pk_limits"),
        if_not_exists=True,
    )
    for name, columns, where in (
        ("ix_jobs_held", ["limit_key", "priority", "turn", "id"], HELD),
        ("ix_jobs_admitted", ["limit_key", "state"], ADMITTED),
        ("ix_jobs_limit_key", ["limit_key", "started_at"], LIMITED),
    ):
        op.create_index(name, "jobs", columns, sqlite_where=where, postgresql_where=where, if_not_exists=True)
    _unique_keys("scheduled", "available", "running", "retryable", "held")
    # Older code does not know the state of jobs that a limit holds.
    op.execute("UPDATE clerk_meta SET value = '18' WHERE key = 'oldest_code'")


def downgrade() -> None:
    held = sa.select(sa.func.count()).select_from(sa.table("jobs")).where(sa.column("state") == "held")
    refuse_if(int(op.get_bind().execute(held).scalar_one()), "jobs that a limit holds")
    for name in ("ix_jobs_held", "ix_jobs_admitted", "ix_jobs_limit_key"):
        op.drop_index(name, "jobs", if_exists=True)
    if "limit_key" in columns_of("jobs"):
        op.execute("ALTER TABLE jobs DROP COLUMN limit_key")
    _unique_keys("scheduled", "available", "running", "retryable")
    op.drop_table("limits", if_exists=True)
    op.execute("UPDATE clerk_meta SET value = '13' WHERE key = 'oldest_code'")
