"""Give `attempts` a primary key, and `jobs`, `stages` and `runs` the indexes by which they are listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import is_sqlite, rebuilding

revision = "8c1e5b3f7a26"
down_revision = "8c41f7d2a6e5"

Indexes = dict[str, tuple[str, list[str], str | None]]

#: Index -> table, columns, and the rows that it has, all if None.
NEW: Indexes = {
    "ix_jobs_run_id": ("jobs", ["run_id", "id"], None),
    "ix_jobs_subdomain": ("jobs", ["subdomain", "id"], None),
    "ix_jobs_job_type": ("jobs", ["job_type", "id"], None),
    "ix_jobs_unsuccessful": ("jobs", ["state", "finished_at"], "state IN ('cancelled', 'discarded')"),
    "ix_stages_unended": ("stages", ["run_id"], "state IN ('open', 'waiting')"),
    "ix_runs_state": ("runs", ["state", "created_at"], "state IN ('running', 'failed', 'cancelled')"),
}
OLD: Indexes = {
    "ix_jobs_run_id": ("jobs", ["run_id"], None),
    "ix_jobs_subdomain": ("jobs", ["subdomain"], None),
    "ix_jobs_discarded": ("jobs", ["finished_at"], "state = 'discarded'"),
    "ix_attempts_job_id": ("attempts", ["job_id"], None),
}


def upgrade() -> None:
    # Every transition writes one row per attempt; of copies that came from elsewhere the first stays.
    place = "rowid" if is_sqlite() else "ctid"
    same = f"a.job_id = attempts.job_id AND a.attempt = attempts.attempt AND a.{place} < attempts.{place}"
    op.execute(f"DELETE FROM attempts WHERE EXISTS (SELECT 1 FROM attempts AS a WHERE {same})")  # noqa: S608
    replace(OLD, NEW)
    with rebuilding("attempts", {}) as batch:
        batch.create_primary_key("pk_attempts", ["job_id", "attempt"])


def downgrade() -> None:
    with rebuilding("attempts", {}) as batch:
        batch.drop_constraint("pk_attempts", type_="primary")
    replace(NEW, OLD)


def replace(old: Indexes, new: Indexes) -> None:
    """Drop indexes and create others."""
    for name, (table, _, _) in old.items():
        op.drop_index(name, table, if_exists=True)
    for name, (table, columns, rows) in new.items():
        where = sa.text(rows) if rows else None
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
