"""Archive job_tracking: nothing writes it any more, and its rows stay readable."""

from __future__ import annotations

from alembic import op

from migrations.steps import has_table

revision = "f33eeb46479b"
down_revision = "bf2f44a2e00c"


def upgrade() -> None:
    if not has_table("job_tracking_archive"):
        op.rename_table("job_tracking", "job_tracking_archive")


def downgrade() -> None:
    op.rename_table("job_tracking_archive", "job_tracking")
