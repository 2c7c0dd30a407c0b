"""The ledger's laws hold whatever operators, workers, relays and crashes do, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.database import FragileDatabase
from tests.property.machine import LedgerMachine

QUICK = settings(
    max_examples=35,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# In CI the same every time: what it finds at random is for a session that can look into it.
DEEP = settings(QUICK, max_examples=250, stateful_step_count=50)


@pytest.fixture
def database(database_url: str) -> Iterator[FragileDatabase]:
    fragile = FragileDatabase(database_url)
    yield fragile
    fragile.close()


def run(database: FragileDatabase, profile: settings) -> None:
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(Machine, settings=profile)


@pytest.mark.parametrize("database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_the_laws_hold(database: FragileDatabase) -> None:
    """Guards: every state and attempt in a WHERE clause of the ledger."""
    run(database, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_laws_hold_for_long(database: FragileDatabase) -> None:
    """The same, deeper."""
    run(database, DEEP)
