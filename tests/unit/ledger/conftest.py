"""A ledger on SQLite, a clock that a test sets, and a pool of idle processes."""

from __future__ import annotations

from tests.integration.ledger.fixtures import children, clock, held, ledger

__all__ = ["children", "clock", "held", "ledger"]
