"""A ledger on SQLite, a clock that a test sets, and a publisher on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk_tasks.broker.publisher import Publisher
from tests.integration.ledger.fixtures import clock, held, ledger

__all__ = ["clock", "held", "ledger"]


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    made = Publisher(redis_url)
    yield made
    made.close()
