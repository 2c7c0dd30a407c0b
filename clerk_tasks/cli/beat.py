"""`clerk-tasks beat`: keep the schedules."""

from __future__ import annotations

import signal
from types import FrameType

import typer

from clerk_tasks.cli.output import INTERRUPTED
from clerk_tasks.cli.worker import application
from clerk_tasks.schedules import beat as _scheduler  # noqa: F401


def command() -> None:
    """Fire the schedules until interrupted. Any number of beats may run: each slot fires once."""
    beat = application().Beat(loglevel="INFO", quiet=True)
    received: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough
        received.append(number)
        raise SystemExit

    # Celery's handler forgets which signal it was; there is no schedule file that it would have to write.
    beat.install_sync_handler = lambda _service: [signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        beat.run()
    except SystemExit:
        if not received:
            raise
    raise typer.Exit(INTERRUPTED if signal.SIGINT in received else 0)
