"""Name the outbox's columns after what they say: when to publish a job's message, and how long to wait after that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import columns_of

revision = "2b7d6a1f90c4"
down_revision = "5cfa734e6c14"

AVAILABLE = sa.text("state = 'available'")


def upgrade() -> None:
    op.drop_index("ix_jobs_ring", "jobs", if_exists=True)
    rename(ring_at="publish_at", ring_delay="publish_delay")
    op.create_index(
        "ix_jobs_publish", "jobs", ["queue", "publish_at"], sqlite_where=AVAILABLE, postgresql_where=AVAILABLE
    )
    # Older code asks for columns that have other names now.
    op.execute("UPDATE clerk_meta SET value = '12' WHERE key = 'oldest_code'")


def downgrade() -> None:
    op.drop_index("ix_jobs_publish", "jobs", if_exists=True)
    rename(publish_at="ring_at", publish_delay="ring_delay")
    op.create_index("ix_jobs_ring", "jobs", ["queue", "ring_at"], sqlite_where=AVAILABLE, postgresql_where=AVAILABLE)
    op.execute("UPDATE clerk_meta SET value = '11' WHERE key = 'oldest_code'")


def rename(**names: str) -> None:
    """Rename columns of `jobs`, {old: new}, in place on both databases."""
    present = columns_of("jobs")
    for old, new in names.items():
        if old in present:
            op.execute(f"ALTER TABLE jobs RENAME COLUMN {old} TO {new}")
