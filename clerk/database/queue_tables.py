"""The tables of queues: what is outstanding, whose turn it is, and what operators pause and limit."""

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, PrimaryKeyConstraint, SmallInteger, Table, Text

from clerk.database.clock import UtcDateTime

metadata = MetaData()

# One row per queue.
queues_table = Table(
    "queues",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("published_at", UtcDateTime),  # of a message that no child has answered; NULL: none is outstanding
)

# Within a queue and priority: the last turn that a site has taken; of '' in place of a site, the turn that is reached.
turns_table = Table(
    "turns",
    metadata,
    Column("queue", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("subdomain", Text, nullable=False),
    Column("turn", BigInteger, nullable=False),
    PrimaryKeyConstraint("queue", "priority", "subdomain", name="pk_turns"),
)

# How many jobs of a type may run at once, and how many may begin in a period; what an operator says goes first.
limits_table = Table(
    "limits",
    metadata,
    Column("job_type", Text, nullable=False),
    Column("source", Text, nullable=False),  # plugin, operator
    Column("concurrency", Integer),  # NULL: any number
    Column("rate", Integer),  # jobs in each period; NULL: any number
    Column("period", Float),  # seconds
    Column("by", Text),
    Column("reason", Text),
    Column("since", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("job_type", "source", name="pk_limits"),
)

# One row per host that jobs make requests to: until when it is left alone, and which job is visiting it.
hosts_table = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("free_at", UtcDateTime, nullable=False),
    Column("job_id", Text),
)

# What may not be claimed, scheduled or fetched; the rows of pauses that have ended stay until the next of that name.
pauses_table = Table(
    "pauses",
    metadata,
    Column("kind", Text, primary_key=True),  # site, host, queue, type, schedule, all
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),  # NULL: until it is resumed
)
