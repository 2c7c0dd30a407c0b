"""Make a message name a queue: index the next job of each, and keep whether a message is outstanding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import columns_of

revision = "8c41f7d2a6e5"
down_revision = "2b7d6a1f90c4"

AVAILABLE = sa.text("state = 'available'")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "queues",
        sa.Column("queue", sa.Text, primary_key=True),
        sa.Column("published_at", TIME),
        if_not_exists=True,
    )
    op.drop_index("ix_jobs_publish", "jobs", if_exists=True)
    for column in ("publish_at", "publish_delay"):
        if column in columns_of("jobs"):
            op.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
    op.create_index(
        "ix_jobs_available",
        "jobs",
        ["queue", "priority", "id"],
        sqlite_where=AVAILABLE,
        postgresql_where=AVAILABLE,
        if_not_exists=True,
    )
    # Older code publishes one message for each job, by columns that are gone.
    op.execute("UPDATE clerk_meta SET value = '13' WHERE key = 'oldest_code'")


def downgrade() -> None:
    op.drop_index("ix_jobs_available", "jobs", if_exists=True)
    op.add_column("jobs", sa.Column("publish_at", TIME))
    op.add_column("jobs", sa.Column("publish_delay", sa.Float, nullable=False, server_default="10"))
    # Older code's relay publishes what is available.
    op.execute("UPDATE jobs SET publish_at = created_at WHERE state = 'available'")
    op.create_index(
        "ix_jobs_publish", "jobs", ["queue", "publish_at"], sqlite_where=AVAILABLE, postgresql_where=AVAILABLE
    )
    op.drop_table("queues")
    op.execute("UPDATE clerk_meta SET value = '12' WHERE key = 'oldest_code'")
