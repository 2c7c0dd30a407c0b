"""Rename site_id to subdomain in job_tracking and site_progress."""

from __future__ import annotations

from alembic import op

from migrations.steps import add_index, columns_of

revision = "s9z7il1abnmz"
down_revision = "c27bd77144ce"


def upgrade() -> None:
    op.drop_index("ix_job_tracking_site_id", table_name="job_tracking", if_exists=True)
    for table in ("job_tracking", "site_progress"):
        if "subdomain" not in columns_of(table):
            # Said outright, since Alembic would rebuild the table on SQLite.
            op.execute(f"ALTER TABLE {table} RENAME COLUMN site_id TO subdomain")
    add_index("ix_job_tracking_subdomain", "job_tracking", ["subdomain"])


def downgrade() -> None:
    op.drop_index("ix_job_tracking_subdomain", table_name="job_tracking", if_exists=True)
    for table in ("job_tracking", "site_progress"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN subdomain TO site_id")
    add_index("ix_job_tracking_site_id", "job_tracking", ["site_id"])
