"""Limits that operators set for job types whose plugin gives none: the key of such a job is its type.

A job gets its key when it becomes due, in the transaction that makes it so.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Text, bindparam, literal_column, select, update

from clerk.database.clock import now
from clerk.database.literals import batched, constant
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import limits_table as limits
from clerk_tasks.ledger.compiled import Compiled

#: How many jobs get their keys at once at most.
PASS = 1000
#: For so long, in seconds, a transaction may go on that has not seen a new limit: relays give its jobs their keys.
_UNSEEN = 60.0
#: The source of a limit that an operator has set; it goes before the plugin's.
OPERATOR = "operator"

_BY_OPERATOR = limits.c.source == literal_column(f"'{OPERATOR}'", Text)


def key_of(job_type: ColumnElement[str]) -> ScalarSelect[str]:
    """Return the key of a job type that an operator has limited as an expression, NULL for another."""
    return select(limits.c.job_type).where(limits.c.job_type == job_type, _BY_OPERATOR).scalar_subquery()


_KEY_OF = Compiled(select(limits.c.job_type).where(limits.c.job_type == bindparam("b_type"), _BY_OPERATOR))


def limited_types(connection: Connection, job_types: Iterable[str]) -> list[str]:
    """Return those of the job types that an operator has limited."""
    return [name for name in job_types if _KEY_OF(connection, {"b_type": name})]


def newly_limited(connection: Connection) -> list[str]:
    """Return the job types whose limit an operator has set lately, of which jobs without a key may still appear."""
    query = select(limits.c.job_type).where(_BY_OPERATOR, limits.c.since > now(-_UNSEEN))
    return sorted(connection.execute(query).scalars())


def give_keys(connection: Connection, job_type: str) -> bool:
    """Give the available and running jobs of a type their keys, PASS of each at most; return whether more are left.

    What is available is held. What is running counts from now on.
    """
    more = False
    for state, becomes in ((JobState.AVAILABLE, JobState.HELD), (JobState.RUNNING, JobState.RUNNING)):
        without = (jobs.c.state == constant(state), jobs.c.job_type == job_type, jobs.c.limit_key.is_(None))
        found = connection.execute(select(jobs.c.id).where(*without).limit(PASS).with_for_update(skip_locked=True))
        ids = list(found.scalars())
        for some in batched(ids):
            given = update(jobs).where(jobs.c.id.in_(some), *without)
            connection.execute(given.values(limit_key=job_type, state=constant(becomes)))
        more = more or len(ids) == PASS
    return more
