"""The tables: what clerk 0.1.3 left us (other programs map those), then the ledger of runs, stages and jobs."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    false,
    func,
    text,
)

from clerk.database.clock import UtcDateTime
from clerk.database.history_tables import attempt_logs_table, totals_table
from clerk.database.lenient import LenientDate, LenientInteger, LenientJson
from clerk.database.queue_tables import hosts_table, limits_table, metadata, pauses_table, queues_table, turns_table

__all__ = [
    "STAGE_NAMES",
    "attempt_logs_table",
    "attempts_table",
    "clerk_meta_table",
    "hosts_table",
    "job_tracking_table",
    "jobs_table",
    "limits_table",
    "metadata",
    "pauses_table",
    "queues_table",
    "runs_table",
    "schedule_slots_table",
    "site_progress_table",
    "sites_table",
    "stages_table",
    "totals_table",
    "turns_table",
    "workers_table",
]

# --- what other programs read and write too: not a column more ------------------------------------

STAGE_NAMES = ("fetch", "ocr", "compilation", "extraction", "deploy")

sites_table = Table(
    "sites",
    metadata,
    Column("subdomain", String, primary_key=True),
    Column("name", String),
    Column("state", String),
    Column("kind", String),
    Column("scraper", String),
    Column("pages", Integer),
    Column("start_year", Integer),
    Column("extra", String),  # JSON text, but not always
    Column("country", String),
    Column("status", String),
    Column("last_updated", String),  # of the meetings; text of several formats
    Column("last_deployed", String),
    Column("lat", String),
    Column("lng", String),
    Column("extraction_status", String, server_default="pending"),
    Column("last_extracted", String),
    Column("current_stage", String),
    Column("started_at", UtcDateTime(lenient=True)),
    Column("updated_at", UtcDateTime(lenient=True)),
    *(
        Column(f"{stage}_{what}", Integer, nullable=False, server_default=text("0"))
        for stage in STAGE_NAMES
        for what in ("total", "completed", "failed")
    ),
    Column("coordinator_enqueued", Boolean, nullable=False, server_default=false()),
    Column("last_error_stage", String),
    Column("last_error_message", Text),
    Column("last_error_at", UtcDateTime(lenient=True)),
    Column("has_finance_data", Boolean, nullable=False, server_default=false()),
    Column("finance_last_updated", UtcDateTime(lenient=True)),
    Column("finance_source", String(100)),
    Column("finance_coverage_start", LenientDate),
    Column("finance_coverage_end", LenientDate),
    Column("finance_record_count", Integer),
    Column("finance_data_types", LenientJson),
    Index("idx_sites_current_stage", "current_stage"),
    Index("idx_sites_updated_at", "updated_at"),
    Index(
        "idx_sites_coordinator_enqueued",
        "subdomain",
        "coordinator_enqueued",
        postgresql_where=text("coordinator_enqueued = false"),
    ),
    Index("idx_sites_has_finance_data", "has_finance_data"),
    Index("idx_sites_finance_metadata", "has_finance_data", "finance_last_updated", "state"),
)

# No foreign key to sites: rows outlive them.
site_progress_table = Table(
    "site_progress",
    metadata,
    Column("subdomain", String, primary_key=True),
    Column("current_stage", String),
    Column("stage_total", Integer, nullable=False, server_default=text("0")),
    Column("stage_completed", Integer, nullable=False, server_default=text("0")),
    Column("started_at", UtcDateTime(lenient=True)),
    Column("updated_at", UtcDateTime(lenient=True)),
)

# What the RQ-based clerk knew of its jobs, kept to be read.
job_tracking_table = Table(
    "job_tracking_archive",
    metadata,
    Column("rq_job_id", String, primary_key=True),
    Column("subdomain", String, nullable=False),
    Column("job_type", String, nullable=False),
    Column("stage", String),
    Column("created_at", UtcDateTime(lenient=True), server_default=func.now()),
    Column("run_id", String),
    Index("ix_job_tracking_subdomain", "subdomain"),
    Index("ix_job_tracking_run_id", "run_id"),
)

# --- the ledger ---------------------------------------------------------------------------------

_UNFINISHED = "state IN ('scheduled', 'available', 'running', 'retryable', 'held')"

_ADMITTED = "state IN ('available', 'running')"


def _partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


runs_table = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),  # {subdomain}_{unix seconds}_{6 lowercase alphanumerics}
    Column("subdomain", Text, nullable=False),
    Column("pipeline", Text, nullable=False),  # a pipeline's name, or the job type of a lone job
    Column("state", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index("ix_runs_subdomain", "subdomain", "created_at"),
    Index("ix_runs_created_at", "created_at"),
    _partial_index("ix_runs_finished_at", "finished_at", where="pipeline = 'meetings'"),
    _partial_index("ix_runs_state", "state", "created_at", where="state IN ('running', 'failed', 'cancelled')"),
)

stages_table = Table(
    "stages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("position", SmallInteger, nullable=False),  # 0 opens first
    Column("state", Text, nullable=False),
    Column("total", LenientInteger, nullable=False),
    Column("remaining", LenientInteger, nullable=False),  # jobs that have not ended
    Column("failed", LenientInteger, nullable=False),  # jobs that ended discarded
    Column("cancelled", LenientInteger, nullable=False),
    Column("tolerance", Float, nullable=False),  # the share of failed jobs that still lets the run go on
    Column("opened_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    CheckConstraint("remaining >= 0", name="ck_stages_remaining"),
    Index("ux_stages_run_id_position", "run_id", "position", unique=True),
    _partial_index("ix_stages_unended", "run_id", where="state IN ('open', 'waiting')"),
)

jobs_table = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),  # a UUIDv7: sorts by time of birth
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False),
    Column("stage_id", Integer, ForeignKey("stages.id"), nullable=False),
    Column("job_type", Text, nullable=False),
    Column("subdomain", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("unique_key", Text),
    # The retry policy is here, not only in the plugin, since the relay may lack the plugin.
    Column("max_attempts", SmallInteger, nullable=False),
    Column("backoff_base", Float, nullable=False),  # seconds
    Column("backoff_cap", Float, nullable=False),  # seconds
    Column("time_limit", Float, nullable=False),  # seconds
    Column("state", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default=text("0")),
    Column("due_at", UtcDateTime),  # NULL: waits for its stage to open
    Column("instance", Text),  # the worker start that claimed it last
    Column("pid", Integer),
    Column("lease_until", UtcDateTime),
    Column("deadline_at", UtcDateTime),  # when the attempt's time limit ends; no lease reaches past it
    Column("started_at", UtcDateTime),  # of the last attempt
    Column("finished_at", UtcDateTime),
    Column("cancel_requested_at", UtcDateTime),
    Column("error", Text),  # of the last attempt that failed
    Column("note", Text),  # what it is doing, or why it waits
    Column("result", JSON),
    Column("created_at", UtcDateTime, nullable=False),
    Column("turn", BigInteger, nullable=False, server_default=text("0")),  # since it became available; the lower first
    Column("limit_key", Text),  # the limit that admits it: a job type, or {job type}:{key}; NULL: none
    Column("traceparent", Text),  # W3C Trace Context: the span that enqueued it
    Index("ix_jobs_stage_id", "stage_id"),
    Index("ix_jobs_run_id", "run_id", "id"),
    Index("ix_jobs_subdomain", "subdomain", "id"),
    Index("ix_jobs_job_type", "job_type", "id"),
    _partial_index("ux_jobs_unique_key", "unique_key", where=_UNFINISHED, unique=True),
    _partial_index("ix_jobs_available", "queue", "priority", "turn", "id", where="state = 'available'"),
    _partial_index("ix_jobs_held", "limit_key", "priority", "turn", "id", where="state = 'held'"),
    _partial_index("ix_jobs_admitted", "limit_key", "state", where=f"limit_key IS NOT NULL AND {_ADMITTED}"),
    _partial_index("ix_jobs_limit_key", "limit_key", "started_at", where="limit_key IS NOT NULL"),
    _partial_index("ix_jobs_due", "due_at", where="state IN ('scheduled', 'retryable')"),
    _partial_index("ix_jobs_running", "instance", "pid", where="state = 'running'"),
    _partial_index("ix_jobs_completed", "finished_at", where="state = 'completed'"),
    _partial_index("ix_jobs_unsuccessful", "state", "finished_at", where="state IN ('cancelled', 'discarded')"),
)

# One row per attempt that did not complete its job; the last attempt's facts are in `jobs`.
attempts_table = Table(
    "attempts",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id"), nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("outcome", Text, nullable=False),  # retryable, discarded, cancelled, lost, handed-back, snoozed
    Column("instance", Text),
    Column("pid", Integer),
    Column("started_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("error", Text),
    Column("traceback", Text),
    PrimaryKeyConstraint("job_id", "attempt", name="pk_attempts"),
    Index("ix_attempts_finished_at", "finished_at"),
)

# One row per start of a worker: who holds a lease, and which queues are served.
workers_table = Table(
    "workers",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("queues", JSON, nullable=False),
    Column("job_types", JSON, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("stopped_at", UtcDateTime),
    Column("drain_requested_at", UtcDateTime),
    Column("drain_timeout", Float),  # seconds that its jobs have to finish; NULL: as long as they take
    Index("ix_workers_seen_at", "seen_at"),
)

# Every slot of every schedule keeps its fate; the primary key is what lets two beats fire once.
schedule_slots_table = Table(
    "schedule_slots",
    metadata,
    Column("schedule", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("fate", Text, nullable=False),  # enqueued, nothing, missed, failed; of a chore: done
    Column("jobs", JSON, nullable=False),  # ids enqueued, and the winners of those that were skipped
    Column("detail", Text),
    Column("decided_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("schedule", "due_at"),
    Index("ix_schedule_slots_decided_at", "decided_at"),
)

# The oldest code that may use this database, and whatever else is about the database itself.
clerk_meta_table = Table(
    "clerk_meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
