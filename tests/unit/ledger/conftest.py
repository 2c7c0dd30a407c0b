"""A ledger on SQLite, a clock that a test sets, and a real publisher."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk.connection import HeldConnection
from clerk_tasks.publisher import Publisher
from tests.integration.ledger.ledger import LedgerOf


class Clock:
    """A monotonic clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def go(self, seconds: float) -> None:
        self.seconds += seconds


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
