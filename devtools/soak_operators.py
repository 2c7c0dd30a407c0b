"""What an operator does during a soak: pauses things for a while, and sets limits."""

from __future__ import annotations

from contextlib import suppress
from random import Random

from sqlalchemy.exc import DBAPIError

from clerk import pauses
from clerk.database.transactions import transaction
from clerk.errors import ConflictError, DatabaseUnavailable
from clerk_tasks.ledger import limits
from clerk_tasks.ledger.limits import Numbers
from clerk_tasks.ledger.operator_limits import OPERATOR
from devtools.chaos import Fault, Fleet, Heal
from devtools.system import SITE

#: How long a pause lasts, in seconds.
PAUSE = 6.0
#: What is paused: everything that the soak does, or a part of it.
PAUSED = (("all", pauses.EVERYTHING), ("site", SITE), ("queue", Fleet.queue), ("type", "scatter"), ("type", "piece"))


def _pause(_: Fleet, rng: Random) -> Heal:
    kind, name = rng.choice(PAUSED)
    with suppress(ConflictError, DatabaseUnavailable, DBAPIError), transaction() as connection:  # a fault is at work
        pauses.pause(connection, kind, name, reason="a soak", by="the soak", seconds=PAUSE)
    return lambda: None


def _limit(_: Fleet, rng: Random) -> Heal:
    numbers = Numbers(rng.choice((1, 2, None)), rng.choice((20, None)), 1.0)
    with suppress(DatabaseUnavailable, DBAPIError), transaction() as connection:
        limits.put(connection, "piece", numbers, source=OPERATOR, by="the soak", reason="a soak")
    return lambda: None


OPERATOR_FAULTS = (
    Fault("an operator pauses something", "operator", _pause, lasts=PAUSE),
    Fault("an operator limits a job type", "operator", _limit, lasts=0.0),
)
