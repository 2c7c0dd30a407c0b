"""A database without its tables says so in a sentence, whichever statement meets it first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.database.transactions import transaction
from clerk.errors import DatabaseUnavailable
from clerk_tasks.ledger import interventions
from clerk_tasks.ledger.insert import NewStage
from clerk_tasks.ledger.runs import record_run
from devtools import claiming
from tests.integration.ledger.ledger import job

pytestmark = pytest.mark.every_database

ACTS: dict[str, Callable[..., object]] = {
    "claim": lambda connection: claiming.claim(connection, "x", instance="w", pid=1, lease=1.0),
    "record": lambda connection: record_run(
        connection, "run", subdomain="a.ca", pipeline="p", new_stages=[NewStage(name="s", jobs=[job()])]
    ),
    "cancel": lambda connection: interventions.cancel(connection, "x", by="a test"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_database_without_tables_asks_for_an_upgrade(empty_database_url: str, act: str) -> None:
    """Guard: the drivers' own errors in unavailable_as_advice: prepared statements go past SQLAlchemy."""
    engine = create_engine(empty_database_url)
    held = HeldConnection(engine)
    for open_transaction in (held.transaction, lambda: transaction(engine)):
        with pytest.raises(DatabaseUnavailable, match="run `clerk-tasks db upgrade`"), open_transaction() as connection:
            ACTS[act](connection)
    held.close()
    engine.dispose()
