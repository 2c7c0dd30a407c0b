"""Deliver what is in the outbox of the webhooks: signed, again until it is taken, in a thread of beat."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
from sqlalchemy import RowMapping

from clerk import __version__
from clerk.database.transactions import transaction
from clerk.fetching.connections import Network
from clerk.fetching.http_errors import NotServed
from clerk.redaction import redact, storable
from clerk.settings import settings
from clerk_tasks.ledger.deliveries import settle, take_due
from clerk_tasks.schedules.notices import gather, targets
from clerk_tasks.worker.thread_errors import errors_logged

logger = logging.getLogger(__name__)

#: How long a receiver may take to answer, in seconds.
TIMEOUT = 10.0
#: How often beat looks for events and for what is due, and how often for silent sources, in seconds.
LOOK_INTERVAL = 5.0
SILENT_INTERVAL = 3600.0
#: Status codes after which another attempt would not help: gone, and what the receiver calls malformed.
_FINAL = frozenset({400, 410, 413, 422})


class DeliveryOutcome(NamedTuple):
    """How an attempt ended: the error, None if the receiver took it, and whether another attempt would help."""

    error: str | None
    final: bool = False


def deliver_due(most: int = 100) -> dict[str, int]:
    """Deliver what is due, at most `most` of it; return how many attempts ended in which state.

    After a failure, the other deliveries to that address wait: a receiver that is slow keeps up no other.
    """
    ended = {"delivered": 0, "pending": 0, "given-up": 0}
    failed: list[str] = []
    for _ in range(most):
        with transaction() as connection:
            taken = take_due(connection, without=failed)
        if taken is None:
            break
        outcome = send(taken)
        with transaction() as connection:
            state = settle(connection, taken, error=outcome.error, final=outcome.final)
        ended[state] += 1
        if outcome.error is not None:
            failed.append(taken["url"])
            logger.warning("webhook %s of %s: %s (%s)", taken["id"], taken["event"], outcome.error, state)
    return ended


def send(delivery: Mapping[str, Any] | RowMapping) -> DeliveryOutcome:
    """Make one attempt."""
    url, body = delivery["url"], json.dumps(delivery["payload"], ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"clerk-tasks/{__version__}"}
    if delivery["format"] == "civic-observer":
        method, secret = "PUT", settings().civic_observer_secret
        headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
    else:
        method = "POST"
        headers |= signature(delivery["id"], datetime.now(UTC), body)
    network = Network([url] if settings().webhooks_private else [])
    network.end_in(TIMEOUT)
    try:
        network.prepare(url)
        with (
            network.client(timeout=TIMEOUT, follow_redirects=False) as client,
            client.stream(method, url, content=body, headers=headers) as response,
        ):
            return _judge(response.status_code)
    except NotServed as refused:
        reason = str(refused).partition("; to allow it")[0]
        return DeliveryOutcome(f"{reason}: CLERK_WEBHOOKS_PRIVATE=1 allows that", final=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return DeliveryOutcome(storable(redact(f"{type(error).__name__}: {error}"))[:500])


def _judge(status: int) -> DeliveryOutcome:
    if 200 <= status < 300:
        return DeliveryOutcome(None)
    return DeliveryOutcome(f"the receiver answered {status}", final=status in _FINAL)


def signature(message_id: str, moment: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a message by the Standard Webhooks specification (1.0.0); unsigned without a secret.

    The signature is the HMAC-SHA256 of id, time (seconds since 1970) and body, with dots between them.
    """
    seconds = str(int(moment.timestamp()))
    headers = {"webhook-id": message_id, "webhook-timestamp": seconds}
    secret = settings().webhook_secret
    if secret:
        bare = secret.removeprefix("whsec_")
        key = base64.b64decode(bare) if bare != secret else secret.encode()
        signed = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return headers


class WebhookThread:
    """Looks for events and delivers them, until the end of the process."""

    def __init__(self) -> None:
        self._silent_at = 0.0  # by the monotonic clock

    def start(self) -> None:
        """Start, if the settings name an address."""
        if targets():
            threading.Thread(target=self._run, name="clerk-webhooks", daemon=True).start()

    def _run(self) -> None:
        while True:
            with errors_logged("looking for events"):
                silent_too = time.monotonic() >= self._silent_at
                gather(targets(), silent_too=silent_too)
                if silent_too:
                    self._silent_at = time.monotonic() + SILENT_INTERVAL
            with errors_logged("delivering webhooks"):
                deliver_due()
            time.sleep(LOOK_INTERVAL)
