"""The ledger on each database, and on PostgreSQL alone where only it lets two transactions meet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.ledger.ledger import LedgerOf


@pytest.fixture
def ledger(database_url: str) -> Iterator[LedgerOf]:
    made = LedgerOf(database_url)
    yield made
    made.check()
    made.engine.dispose()


@pytest.fixture
def postgres_ledger(postgres_url: str) -> Iterator[LedgerOf]:
    made = LedgerOf(postgres_url)
    yield made
    made.check()
    made.engine.dispose()
