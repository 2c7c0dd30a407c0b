"""Add the state of the pipeline to sites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, add_index, drop_columns

revision = "9daf09ff2554"
down_revision = "s9z7il1abnmz"

STAGES = ("fetch", "ocr", "compilation", "extraction", "deploy")
COUNTERS = tuple(f"{stage}_{what}" for stage in STAGES for what in ("total", "completed", "failed"))


def upgrade() -> None:
    add_columns(
        "sites",
        sa.Column("current_stage", sa.String),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
        *(sa.Column(name, sa.Integer, server_default=sa.text("0"), nullable=False) for name in COUNTERS),
        sa.Column("coordinator_enqueued", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("last_error_stage", sa.String),
        sa.Column("last_error_message", sa.Text),
        sa.Column("last_error_at", sa.DateTime(timezone=True)),
    )
    add_index("idx_sites_current_stage", "sites", ["current_stage"])
    add_index("idx_sites_updated_at", "sites", ["updated_at"])
    add_index(
        "idx_sites_coordinator_enqueued",
        "sites",
        ["subdomain", "coordinator_enqueued"],
        postgresql_where="coordinator_enqueued = false",
    )


def downgrade() -> None:
    for index in ("current_stage", "updated_at", "coordinator_enqueued"):
        op.drop_index(f"idx_sites_{index}", table_name="sites", if_exists=True)
    unset = ("current_stage", "started_at", "updated_at", "last_error_stage", "last_error_message", "last_error_at")
    drop_columns("sites", **dict.fromkeys(unset), **dict.fromkeys(COUNTERS, 0), coordinator_enqueued=sa.false())
