"""The tables of what operators do: their acts, and the sizes that they give worker pools."""

from sqlalchemy import Column, Integer, Table, Text

from clerk.database.clock import UtcDateTime
from clerk.database.tables import metadata

__all__ = ["acts_table", "metadata", "pool_sizes_table"]

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
