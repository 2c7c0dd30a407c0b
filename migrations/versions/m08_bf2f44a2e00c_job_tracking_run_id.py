"""Add run_id to job_tracking."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.steps import add_columns, add_index, refuse_downgrade

revision = "bf2f44a2e00c"
down_revision = "e032d9c68444"
downgrade = refuse_downgrade


def upgrade() -> None:
    add_columns("job_tracking", sa.Column("run_id", sa.String))
    add_index("ix_job_tracking_run_id", "job_tracking", ["run_id"])
