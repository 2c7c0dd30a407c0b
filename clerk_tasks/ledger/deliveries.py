"""What webhooks deliver: an outbox in the ledger, so that no event is lost, and none delays the work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import uuid_utils
from sqlalchemy import Connection, RowMapping, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.clock import now
from clerk.database.literals import batched
from clerk.database.operator_tables import deliveries_table as deliveries
from clerk.database.operator_tables import failure_causes_table as causes
from clerk.errors import ConflictError, NotFoundError

#: How long one attempt may take, in seconds, before another process may make the next.
ATTEMPT = 60
#: The most attempts, over more than a day, and the longest wait between two, in seconds.
MOST_DELIVERY_ATTEMPTS = 18
_LONGEST_WAIT = 4 * 3600.0

PENDING, DELIVERED, GIVEN_UP = "pending", "delivered", "given-up"

_DUE = (
    select(deliveries.c.id)
    .where(
        deliveries.c.state == PENDING,
        deliveries.c.due_at <= now(),
        deliveries.c.url.not_in(bindparam("b_without", expanding=True)),
    )
    .order_by(deliveries.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
# `=`, not IN: PostgreSQL might evaluate the subquery again for each row, and take more than one.
_TAKE = (
    update(deliveries)
    .where(deliveries.c.id == _DUE.scalar_subquery(), deliveries.c.state == PENDING)
    .values(attempt=deliveries.c.attempt + 1, due_at=now(ATTEMPT))
    .returning(*deliveries.c)
)


class NewDelivery(NamedTuple):
    """An event for one address; `key` names the event."""

    key: str
    event: str
    subdomain: str | None
    url: str
    format: str
    payload: dict[str, Any]


def record_deliveries(connection: Connection, new: Iterable[NewDelivery]) -> int:
    """Record what is to be delivered, each event and address once; return how many were new."""
    added = 0
    for delivery in new:
        row = delivery._asdict() | {"id": str(uuid_utils.uuid7()), "state": PENDING, "attempt": 0}
        statement = _dialect(connection).insert(deliveries).values(row | {"due_at": now(), "created_at": now()})
        added += connection.execute(statement.on_conflict_do_nothing().returning(deliveries.c.id)).first() is not None
    return added


def take_due(connection: Connection, *, without: Sequence[str]) -> RowMapping | None:
    """Take the delivery that has been due longest, of an address not among `without`, or return None.

    It is due again after ATTEMPT seconds, should this process not record an end.
    """
    return connection.execute(_TAKE, {"b_without": list(without)}).mappings().first()


def settle(connection: Connection, taken: RowMapping, *, error: str | None, final: bool) -> str:
    """Record the end of an attempt, by an error or without, and return the delivery's state.

    After an error that is not `final` it is due again, later each time, until MOST_DELIVERY_ATTEMPTS.
    """
    if error is None:
        values: dict[str, Any] = {"state": DELIVERED, "ended_at": now(), "error": None}
    elif final or taken["attempt"] >= MOST_DELIVERY_ATTEMPTS:
        values = {"state": GIVEN_UP, "ended_at": now(), "error": error}
    else:
        values = {"state": PENDING, "due_at": now(wait(taken["attempt"])), "error": error}
    ours = (deliveries.c.id == taken["id"]) & (deliveries.c.attempt == taken["attempt"])
    connection.execute(update(deliveries).where(ours).values(values))
    return str(values["state"])


def wait(attempt: int) -> float:
    """Return the seconds from an attempt that failed to the next."""
    return min(5.0 * 2.0**attempt, _LONGEST_WAIT)


def list_deliveries(connection: Connection, *, state: str | None, limit: int | None) -> Sequence[RowMapping]:
    """Return deliveries, newest first."""
    query = select(deliveries).order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc()).limit(limit)
    return connection.execute(query if state is None else query.where(deliveries.c.state == state)).mappings().all()


def deliver_again(connection: Connection, delivery_id: str) -> RowMapping:
    """Make a delivery due now; NotFoundError for an unknown one, ConflictError for one that was delivered."""
    found = connection.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()
    if found is None:
        raise NotFoundError(f"There is no delivery {delivery_id!r}: `clerk-tasks webhooks list` lists them.")
    if found == DELIVERED:
        raise ConflictError(f"Delivery {delivery_id} was made already.")
    again = {"state": PENDING, "due_at": now(), "attempt": 0, "ended_at": None}
    changed = update(deliveries).where(deliveries.c.id == delivery_id).values(again).returning(*deliveries.c)
    return connection.execute(changed).mappings().one()


def count_given_up(connection: Connection, *, seconds: float) -> int:
    """Count the deliveries that were given up in the last so many seconds."""
    recently = (deliveries.c.state == GIVEN_UP) & (deliveries.c.ended_at >= now(-seconds))
    return connection.execute(select(func.count()).where(recently)).scalar_one()


def unknown_causes(connection: Connection, fingerprints: Iterable[str]) -> set[str]:
    """Return those of the causes of failures that are news."""
    wanted = sorted(set(fingerprints))
    known = {
        name
        for some in batched(wanted)
        for name in connection.execute(select(causes.c.fingerprint).where(causes.c.fingerprint.in_(some))).scalars()
    }
    return set(wanted) - known


def learn_cause(connection: Connection, fingerprint: str) -> bool:
    """Note that a cause is no news any more; return whether it was, by this transaction."""
    statement = _dialect(connection).insert(causes).values(fingerprint=fingerprint, seen_at=now())
    learnt = connection.execute(statement.on_conflict_do_nothing().returning(causes.c.fingerprint))
    return learnt.first() is not None


def delete_deliveries(connection: Connection, *, before: Any) -> int:
    """Delete the deliveries that ended before a moment."""
    return connection.execute(delete(deliveries).where(deliveries.c.ended_at < before)).rowcount


def _dialect(connection: Connection) -> ModuleType:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
