"""A ledger on SQLite, a clock that a test sets, and a publisher on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk.plugin.loader import plugins
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.worker.pool_initialisers import pool_initialisers
from tests.integration.ledger.fixtures import clock, held, ledger
from tests.integration.ledger.ledger import LedgerOf, checked
from tests.integration.tasks.one_job import OneJob

__all__ = ["clock", "held", "ledger"]


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    made = Publisher(redis_url)
    yield made
    made.close()


@pytest.fixture
def plugin(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneJob]:
    monkeypatch.setenv("BROKER_URL", redis_url)
    one = OneJob()
    plugins().add(one, name="one-job", source="test", where="this test")
    yield one
    pool_initialisers.discard()


@pytest.fixture
def on_both(database_url: str) -> Iterator[LedgerOf]:
    yield from checked(database_url)
