"""A job that is moved has its turn in the new queue, not where it stood in the old one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger.turns import reach
from tests.integration.operations.conftest import Enqueue


def turns(engine: Engine) -> list[int]:
    """Return the turns of all jobs."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(jobs.c.turn).order_by(jobs.c.id)).scalars())


@pytest.mark.every_database
def test_it_does_not_come_before_what_the_queue_has_reached(engine: Engine, enqueue: Enqueue) -> None:
    """A child looks for no job before that."""
    for name in ("one", "two"):
        enqueue("fine", name=name)
    with transaction(engine) as connection:
        reach(connection, "finance", 1, 500)
        reach(connection, "finance", 0, 900)
    assert main(["jobs", "move", "--all", "--to", "finance"]) == 0
    assert turns(engine) == [500, 501]
    assert main(["jobs", "reprioritise", "--all", "--priority", "high"]) == 0
    assert turns(engine) == [900, 901]
