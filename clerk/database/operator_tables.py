"""The tables of what operators do and hear of: acts, sizes of worker pools, and what webhooks deliver."""

from sqlalchemy import JSON, Column, Index, Integer, SmallInteger, Table, Text, UniqueConstraint, text

from clerk.database.clock import UtcDateTime
from clerk.database.tables import metadata

__all__ = ["acts_table", "deliveries_table", "failure_causes_table", "metadata", "pool_sizes_table"]

# What operators did; one act on many jobs has one row, which each of its transactions brings up to date.
acts_table = Table(
    "acts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("act", Text, nullable=False),  # cancel, retry, dismiss, move, reprioritise, pause, ...
    Column("what", Text, nullable=False),  # its object: names, or the options that chose the jobs
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),  # the process that acts
    Column("matched", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("state", Text, nullable=False),  # running, done, stopped, failed
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("stopped_by", Text),  # who asked for its end
)

# How many jobs at a time a worker of a pool runs, where an operator has said so.
pool_sizes_table = Table(
    "pool_sizes",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

# What webhooks deliver: one row per event and address. `key` names the event, so that it is delivered once.
deliveries_table = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),  # a UUIDv7
    Column("key", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subdomain", Text),
    Column("url", Text, nullable=False),
    Column("format", Text, nullable=False),  # event, civic-observer
    Column("payload", JSON, nullable=False),
    Column("state", Text, nullable=False),  # pending, delivered, given-up
    Column("attempt", SmallInteger, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("error", Text),  # of the last attempt
    UniqueConstraint("key", "url", name="ux_deliveries_key_url"),
    Index(
        "ix_deliveries_pending",
        "due_at",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

# The causes of failures that are no news any more.
failure_causes_table = Table(
    "failure_causes",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)
