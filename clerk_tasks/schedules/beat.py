"""Beat's scheduler: a pacemaker that ticks; what is due, and what became of it, is in the database."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from celery import signals
from celery.beat import Scheduler

from clerk.errors import UnavailableError
from clerk.settings import settings
from clerk_tasks import logs
from clerk_tasks.broker import embedded
from clerk_tasks.schedules import slots
from clerk_tasks.schedules.webhooks import WebhookThread

logger = logging.getLogger(__name__)

#: The longest pause between two ticks, in seconds.
PACE = 20.0


class LedgerScheduler(Scheduler):  # type: ignore[misc]
    """Fires the plugins' schedules by `slots.tick`, in beat's own process: with the broker down, too."""

    def setup_schedule(self) -> None:
        """Start nothing of Celery's own: there are no results to clean up."""

    def tick(self, *_: Any, **__: Any) -> float:
        """Decide the slots that are due; return the seconds until the next tick."""
        try:
            with _uninterrupted():
                for fired in slots.tick():
                    logger.info("schedule %s, slot %s: %s", fired.schedule, fired.due_at, fired.fate)
                pause = slots.seconds_to_next()
        except UnavailableError as error:
            logger.warning("%s", error)
            pause = PACE / 4
        except Exception:
            logger.exception("cannot decide which schedules are due")
            pause = PACE
        return min(PACE, max(0.05, PACE if pause is None else pause))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold SIGTERM and SIGINT back for the length of a with block.

    Celery raises SystemExit for them, which gets lost inside a statement or a plugin's hook; beat would then go on.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@signals.beat_init.connect  # type: ignore[untyped-decorator]
@logs.last_words()
def _attach(**_: Any) -> None:
    """Keep the embedded broker running, if that is the one in use, for as long as beat runs; deliver webhooks."""
    if settings().broker_url is None:
        _attached.enter_context(embedded.attached())
    WebhookThread().start()


_attached = ExitStack()
