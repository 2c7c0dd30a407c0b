"""Give sites and site_progress the same booleans, defaults and nullability wherever they came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_index, has_table, is_sqlite, normalise_booleans, rebuilding, refuse_downgrade

revision = "6d20fdeb68ab"
down_revision = "f33eeb46479b"

STAGES = ("fetch", "ocr", "compilation", "extraction", "deploy")
COUNTERS = tuple(f"{stage}_{what}" for stage in STAGES for what in ("total", "completed", "failed"))
FLAGS = ("coordinator_enqueued", "has_finance_data")
COMMENTED = ("last_updated", "source", "coverage_start", "coverage_end", "record_count", "data_types")


def upgrade() -> None:
    normalise_booleans("sites", *FLAGS)
    settle("sites", counters=COUNTERS, flags=FLAGS)
    settle("site_progress", counters=("stage_total", "stage_completed"))
    ensure_archive()
    if not is_sqlite():  # remarks that only databases made by the RQ-based clerk have
        for name in COMMENTED:
            op.execute(f"COMMENT ON COLUMN sites.finance_{name} IS NULL")


def settle(table: str, *, counters: tuple[str, ...], flags: tuple[str, ...] = ()) -> None:
    """Make counters and flags NOT NULL with a default of the column's own type, not of text."""
    for name in counters + flags:
        column: sa.ColumnClause[object] = sa.column(name)
        nothing = sa.literal(0) if name in counters else sa.false()
        op.execute(sa.table(table, column).update().where(column.is_(None)).values({name: nothing}))
    with rebuilding(table) as batch:
        for name in counters:
            batch.alter_column(name, existing_type=sa.Integer(), nullable=False, server_default=sa.text("0"))
        for name in flags:
            batch.alter_column(name, existing_type=sa.Boolean(), nullable=False, server_default=sa.false())


def ensure_archive() -> None:
    """Create the archive where a release of clerk dropped job_tracking rather than keeping it."""
    if has_table("job_tracking_archive"):
        return
    op.create_table(
        "job_tracking_archive",
        sa.Column("rq_job_id", sa.String, primary_key=True),
        sa.Column("subdomain", sa.String, nullable=False),
        sa.Column("job_type", sa.String, nullable=False),
        sa.Column("stage", sa.String),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("run_id", sa.String),
    )
    add_index("ix_job_tracking_subdomain", "job_tracking_archive", ["subdomain"])
    add_index("ix_job_tracking_run_id", "job_tracking_archive", ["run_id"])


def downgrade() -> None:
    refuse_downgrade(revision)
