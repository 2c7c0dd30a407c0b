"""`clerk-tasks up`: the whole system in one terminal."""

from __future__ import annotations

import signal

import typer

from clerk_tasks.cli.options import Concurrency
from clerk_tasks.cli.output import INTERRUPTED
from clerk_tasks.system import supervisor


def command(
    concurrency: Concurrency = None,
) -> None:
    """Run a worker for every pool, and beat, until interrupted. A process that dies is restarted."""
    ended_by = supervisor.run(supervisor.plan(concurrency))
    raise typer.Exit(INTERRUPTED if ended_by is signal.SIGINT else 0)
