"""`clerk-tasks worker`: run the jobs of one, several or all worker pools."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from celery import signals
from celery.platforms import SecurityWarning

from clerk_tasks.celery import app as celery
from clerk_tasks.cli.options import Concurrency
from clerk_tasks.cli.output import INTERRUPTED
from clerk_tasks.job_types.registry import registry
from clerk_tasks.operations.health import check_database
from clerk_tasks.worker.steps import BURST


def command(
    pools: Annotated[list[str] | None, typer.Argument(metavar="[POOL]...", help="Worker pools (default: all).")] = None,
    concurrency: Concurrency = None,
    burst: Annotated[bool, typer.Option("--burst", help="Exit when no job is left.")] = False,
    events: Annotated[bool, typer.Option("-E", "--events", help="Emit Celery's task events, for Flower.")] = False,
) -> None:
    """Run the jobs of one, several or all worker pools until interrupted; with --burst, until no job is left."""
    known = registry()
    chosen = [known.pool(name) for name in pools] if pools else list(known.pools.values())
    if burst:
        os.environ[BURST] = "1"
    started = application().Worker(
        hostname=f"{'+'.join(pools or ['all'])}-{os.getpid()}@{os.uname().nodename}",
        queues=sorted({queue for pool in chosen for queue in pool.queues}),
        concurrency=concurrency or _concurrency(chosen),
        task_events=events,
        loglevel="INFO",
        quiet=True,
        # Workers know each other through the database; asking around costs a second at every start.
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
    )
    raise typer.Exit(_run(started))


def _run(worker: Any) -> int:
    """Run a worker until a signal ends it; return the exit code."""
    received: list[str] = []
    signals.worker_shutting_down.connect(lambda sig, **_: received.append(sig), weak=False)
    sys.__stdout__ = sys.__stderr__  # type: ignore[misc]  # where Celery says that it ends, which is no answer
    try:
        worker.start()
    except SystemExit as by_force:  # at the third Ctrl-C
        worker.exitcode = by_force.code
    return INTERRUPTED if "SIGINT" in received else int(worker.exitcode or 0)


def _concurrency(pools: Sequence[Any]) -> int:
    """Return what the pools ask for together; one that does not say is content with a job per core."""
    asked = [pool.concurrency for pool in pools]
    return sum(filter(None, asked)) if all(asked) else max(os.cpu_count() or 1, *filter(None, asked), 1)


def application() -> Any:
    """Return the Celery application, for the commands that run a part of it, once the database can be used."""
    check_database()
    # Celery warns of root because of pickled messages, which we do not accept.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    return celery
