"""A ledger on SQLite, a clock that a test sets, and a publisher on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk.database.held import HeldConnection
from clerk_tasks.broker.publisher import Publisher
from devtools.hand_clock import Clock
from tests.integration.ledger.ledger import LedgerOf


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[LedgerOf]:
    made = LedgerOf(sqlite_url)
    yield made
    made.check()
    made.engine.dispose()


@pytest.fixture
def held(ledger: LedgerOf) -> Iterator[HeldConnection]:
    connection = HeldConnection(ledger.engine)
    yield connection
    connection.close()


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    made = Publisher(redis_url)
    yield made
    made.close()
