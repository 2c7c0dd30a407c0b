"""Add run_id to job_tracking."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, add_index, drop_columns

revision = "bf2f44a2e00c"
down_revision = "e032d9c68444"


def upgrade() -> None:
    add_columns("job_tracking", sa.Column("run_id", sa.String))
    add_index("ix_job_tracking_run_id", "job_tracking", ["run_id"])


def downgrade() -> None:
    op.drop_index("ix_job_tracking_run_id", table_name="job_tracking", if_exists=True)
    drop_columns("job_tracking", run_id=None)
