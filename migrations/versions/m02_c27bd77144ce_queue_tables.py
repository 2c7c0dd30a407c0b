"""Create job_tracking and site_progress."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_index, columns_of, drop_empty, has_table

revision = "c27bd77144ce"
down_revision = "45db71312424"


def upgrade() -> None:
    if not has_table("job_tracking"):
        op.create_table(
            "job_tracking",
            sa.Column("rq_job_id", sa.String, primary_key=True),
            sa.Column("site_id", sa.String, nullable=False),
            sa.Column("job_type", sa.String, nullable=False),
            sa.Column("stage", sa.String),
            sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        )
    if "site_id" in columns_of("job_tracking"):
        add_index("ix_job_tracking_site_id", "job_tracking", ["site_id"])
    if not has_table("site_progress"):
        op.create_table(
            "site_progress",
            sa.Column("site_id", sa.String, primary_key=True),
            sa.Column("current_stage", sa.String),
            sa.Column("stage_total", sa.Integer, server_default=sa.text("0"), nullable=False),
            sa.Column("stage_completed", sa.Integer, server_default=sa.text("0"), nullable=False),
            sa.Column("started_at", sa.DateTime(timezone=True)),
            sa.Column("updated_at", sa.DateTime(timezone=True)),
        )


def downgrade() -> None:
    drop_empty("job_tracking", "site_progress")
