"""Create the ledger: runs, stages, jobs, attempts, workers, schedule slots, and what the database says of itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import columns, drop_empty

revision = "5cfa734e6c14"
down_revision = "6d20fdeb68ab"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_runs_and_stages()
    create_jobs()
    create_attempts_and_workers()
    create_schedule_slots()
    meta = op.create_table(
        "clerk_meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    # Code that knows fewer than these eleven migrations knows no ledger.
    op.bulk_insert(meta, [{"key": "oldest_code", "value": "11"}])


def downgrade() -> None:
    drop_empty("attempts", "jobs", "stages", "runs", "workers", "schedule_slots")
    op.drop_table("clerk_meta")


def create_runs_and_stages() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        *columns(sa.Text(), "subdomain", "pipeline", "state", nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
    )
    op.create_index("ix_runs_subdomain", "runs", ["subdomain", "created_at"])
    op.create_index("ix_runs_created_at", "runs", ["created_at"])
    op.create_table(
        "stages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        *columns(sa.Integer(), "total", "remaining", "failed", "cancelled", nullable=False),
        sa.Column("tolerance", sa.Float, nullable=False),
        *columns(MOMENT, "opened_at", "closed_at"),
        sa.CheckConstraint("remaining >= 0", name="ck_stages_remaining"),
    )
    op.create_index("ux_stages_run_id_position", "stages", ["run_id", "position"], unique=True)


def create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("stage_id", sa.Integer, sa.ForeignKey("stages.id"), nullable=False),
        *columns(sa.Text(), "job_type", "subdomain", "queue", nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("unique_key", sa.Text),
        sa.Column("max_attempts", sa.SmallInteger, nullable=False),
        *columns(sa.Float(), "backoff_base", "backoff_cap", "time_limit", nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        *columns(MOMENT, "due_at", "ring_at"),
        sa.Column("ring_delay", sa.Float, nullable=False),
        sa.Column("instance", sa.Text),
        sa.Column("pid", sa.Integer),
        *columns(MOMENT, "lease_until", "deadline_at", "started_at", "finished_at", "cancel_requested_at"),
        *columns(sa.Text(), "error", "note"),
        sa.Column("result", sa.JSON),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_jobs_stage_id", "jobs", ["stage_id"])
    op.create_index("ix_jobs_run_id", "jobs", ["run_id"])
    op.create_index("ix_jobs_subdomain", "jobs", ["subdomain"])
    unfinished = "state IN ('scheduled', 'available', 'running', 'retryable')"
    create_partial_index("ux_jobs_unique_key", ["unique_key"], where=unfinished, unique=True)
    create_partial_index("ix_jobs_ring", ["queue", "ring_at"], where="state = 'available'")
    create_partial_index("ix_jobs_due", ["due_at"], where="state IN ('scheduled', 'retryable')")
    create_partial_index("ix_jobs_running", ["instance", "pid"], where="state = 'running'")
    create_partial_index("ix_jobs_discarded", ["finished_at"], where="state = 'discarded'")


def create_partial_index(name: str, columns: list[str], *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, "jobs", columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def create_attempts_and_workers() -> None:
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("attempt", sa.SmallInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("instance", sa.Text),
        sa.Column("pid", sa.Integer),
        *columns(MOMENT, "started_at", "lease_until"),
        sa.Column("finished_at", MOMENT, nullable=False),
        *columns(sa.Text(), "error", "traceback"),
    )
    op.create_index("ix_attempts_job_id", "attempts", ["job_id"])
    op.create_table(
        "workers",
        sa.Column("instance", sa.Text, primary_key=True),
        sa.Column("hostname", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        *columns(sa.JSON(), "queues", "job_types", nullable=False),
        sa.Column("concurrency", sa.Integer, nullable=False),
        *columns(MOMENT, "started_at", "seen_at", nullable=False),
        sa.Column("stopped_at", MOMENT),
    )
    op.create_index("ix_workers_seen_at", "workers", ["seen_at"])


def create_schedule_slots() -> None:
    op.create_table(
        "schedule_slots",
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("jobs", sa.JSON, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("schedule", "due_at"),
    )
