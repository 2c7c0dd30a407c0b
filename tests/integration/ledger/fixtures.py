"""What the tests of the keeper, the relay and the executor share: a ledger on SQLite, its connection, a clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk.database.held import HeldConnection
from devtools.hand_clock import Clock
from tests.integration.ledger.keepers import Children
from tests.integration.ledger.ledger import LedgerOf, checked


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[LedgerOf]:
    yield from checked(sqlite_url)


@pytest.fixture
def held(ledger: LedgerOf) -> Iterator[HeldConnection]:
    connection = HeldConnection(ledger.engine)
    yield connection
    connection.close()


@pytest.fixture
def children() -> Iterator[Children]:
    pool = Children()
    yield pool
    for process in pool.processes.values():
        process.kill()
        process.communicate()
