"""The tables of what is over: what attempts have said, and what has been counted."""

from sqlalchemy import JSON, BigInteger, Column, Float, Integer, PrimaryKeyConstraint, SmallInteger, Table, Text

from clerk.database.queue_tables import metadata

# What attempts have said, in parts. There is no foreign key: its check would wait for the fence of the job.
attempt_logs_table = Table(
    "attempt_logs",
    metadata,
    Column("job_id", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("first_line", Integer, nullable=False),  # its number from 0: what is missing before it was dropped
    Column("lines", Text, nullable=False),  # each is time, level and text, with tabs between them
    PrimaryKeyConstraint("job_id", "attempt", "first_line", name="pk_attempt_logs"),
)

# What has ended, counted up to the moment that `clerk_meta` has as totals_until: it outlives the rows.
totals_table = Table(
    "totals",
    metadata,
    Column("metric", Text, primary_key=True),
    Column("labels", Text, primary_key=True),  # a JSON list
    Column("number", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),  # their sum
    Column("buckets", JSON, nullable=False),  # how many are at most so long, of each bucket by itself; [] without
)
