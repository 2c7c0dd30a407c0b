"""What webhooks deliver: list it, test the addresses, deliver now, retry; and the sources that are silent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import uuid_utils
from sqlalchemy import RowMapping

from clerk.acts import named, record_act
from clerk.database.clock import database_time
from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk.redaction import redact
from clerk_tasks.ledger import deliveries
from clerk_tasks.ledger.yields import silent_sources
from clerk_tasks.schedules.notices import gather, targets
from clerk_tasks.schedules.webhooks import deliver_due, send

#: The states of a delivery.
DELIVERY_STATES = (deliveries.PENDING, deliveries.DELIVERED, deliveries.GIVEN_UP)


def list_deliveries(*, state: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """Return deliveries, newest first; UsageError for an unknown state."""
    if state is not None and state not in DELIVERY_STATES:
        raise UsageError(f"Unknown state {state!r}; use one of {', '.join(DELIVERY_STATES)}.")
    with reading() as connection:
        return [_shown(row) for row in deliveries.list_deliveries(connection, state=state, limit=limit)]


def deliver_again(delivery_id: str) -> dict[str, Any]:
    """Make a delivery due now; NotFoundError for an unknown one, ConflictError for one that was made."""
    with transaction() as connection:
        record_act(connection, "retry", named("delivery", [delivery_id]))
        return _shown(deliveries.deliver_again(connection, delivery_id))


def deliver_now() -> dict[str, int]:
    """Look for events and deliver what is due, as beat does; return how many are new, and how attempts ended.

    Raises UsageError if the settings name no address.
    """
    _require_targets()
    return {"found": gather(targets()), **deliver_due()}


def try_addresses() -> list[dict[str, Any]]:
    """Send an event `test` to each address of CLERK_WEBHOOKS; return each with the error, or None.

    Raises UsageError if the settings name no address.
    """
    _require_targets()
    with reading() as connection:
        moment = database_time(connection).isoformat()
    tested = []
    for target in targets():
        if target.format == "event":
            payload = {"type": "test", "timestamp": moment, "data": {}}
            message = {"id": str(uuid_utils.uuid7()), "url": target.url, "format": target.format, "payload": payload}
            tested.append({"url": redact(target.url), "error": send(message).error})
    return tested


def list_silent() -> list[dict[str, Any]]:
    """Return the sites whose sources have had nothing new for longer than their own rhythm."""
    with reading() as connection:
        return [asdict(silent) for silent in silent_sources(connection)]


def _require_targets() -> None:
    if not targets():
        raise UsageError("CLERK_WEBHOOKS names no address, and CLERK_CIVIC_OBSERVER neither.")


def _shown(row: RowMapping) -> dict[str, Any]:
    names = ("id", "event", "subdomain", "url", "state", "attempt", "due_at", "created_at", "ended_at", "error")
    return {name: row[name] for name in names} | {"url": redact(row["url"])}
