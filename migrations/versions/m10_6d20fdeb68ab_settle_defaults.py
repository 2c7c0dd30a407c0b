"""Give what the RQ-based clerk left the same types, booleans and defaults wherever it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

from migrations.steps import (
    add_index,
    has_null,
    has_table,
    is_sqlite,
    normalise_booleans,
    rebuilding,
)

revision = "6d20fdeb68ab"
down_revision = "f33eeb46479b"

STAGES = ("fetch", "ocr", "compilation", "extraction", "deploy")
COUNTERS = tuple(f"{stage}_{what}" for stage in STAGES for what in ("total", "completed", "failed"))
FLAGS = ("coordinator_enqueued", "has_finance_data")
COMMENTED = ("last_updated", "source", "coverage_start", "coverage_end", "record_count", "data_types")

TEXT, NUMBER, MOMENT = sa.String(), sa.Integer(), sa.DateTime(timezone=True)
SITES: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("subdomain", "name", "state", "kind", "scraper", "extra", "country", "lat", "lng"), TEXT),
    **dict.fromkeys(("status", "last_updated", "last_deployed", "extraction_status", "last_extracted"), TEXT),
    **dict.fromkeys(("current_stage", "last_error_stage"), TEXT),
    **dict.fromkeys(("started_at", "updated_at", "last_error_at", "finance_last_updated"), MOMENT),
    **dict.fromkeys(("pages", "start_year", "finance_record_count", *COUNTERS), NUMBER),
    **dict.fromkeys(("finance_coverage_start", "finance_coverage_end"), sa.Date()),
    **dict.fromkeys(FLAGS, sa.Boolean()),
    "last_error_message": sa.Text(),
    "finance_source": sa.String(100),
    "finance_data_types": sa.JSON(),
}
PROGRESS: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("subdomain", "current_stage"), TEXT),
    **dict.fromkeys(("stage_total", "stage_completed"), NUMBER),
    **dict.fromkeys(("started_at", "updated_at"), MOMENT),
}
ARCHIVE: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("rq_job_id", "subdomain", "job_type", "stage", "run_id"), TEXT),
    "created_at": MOMENT,
}


def upgrade() -> None:
    normalise_booleans("sites", *FLAGS)
    settle("sites", SITES, counters=COUNTERS, flags=FLAGS)
    settle("site_progress", PROGRESS, counters=("stage_total", "stage_completed"))
    ensure_archive()
    settle("job_tracking_archive", ARCHIVE)
    if not is_sqlite():  # remarks that only databases made by the RQ-based clerk have
        for name in COMMENTED:
            op.execute(f"COMMENT ON COLUMN sites.finance_{name} IS NULL")


def downgrade() -> None:
    """Leave the types and defaults as they are: older code uses them too."""


def settle(
    table: str, types: Mapping[str, TypeEngine[Any]], *, counters: Sequence[str] = (), flags: Sequence[str] = ()
) -> None:
    """Give the columns, first the key, their types; make counters and flags NOT NULL with a default of theirs."""
    key = next(iter(types))
    defaults: dict[str, sa.TextClause | sa.ColumnElement[Any]] = {
        **dict.fromkeys(counters, sa.text("0")),
        **dict.fromkeys(flags, sa.false()),
    }
    for name, default in defaults.items():
        column: sa.ColumnClause[object] = sa.column(name)
        op.execute(sa.table(table, column).update().where(column.is_(None)).values({name: default}))
    with rebuilding(table, types) as batch:
        for name, default in defaults.items():
            batch.alter_column(name, existing_type=types[name], nullable=False, server_default=default)
        batch.alter_column(key, existing_type=types[key], nullable=has_null(table, key))


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
