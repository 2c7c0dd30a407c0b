"""The ledger on each database, and on PostgreSQL alone where only it lets two transactions meet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.ledger.ledger import LedgerOf, checked


@pytest.fixture
def ledger(database_url: str) -> Iterator[LedgerOf]:
    yield from checked(database_url)


@pytest.fixture
def postgres_ledger(postgres_url: str) -> Iterator[LedgerOf]:
    yield from checked(postgres_url)
