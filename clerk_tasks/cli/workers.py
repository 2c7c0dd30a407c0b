"""`clerk-tasks workers`: who works, on what; drain workers; change how many jobs they run at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from clerk.errors import UsageError
from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, Reason
from clerk_tasks.operations.times import parse_duration
from clerk_tasks.operations.workers import drain as drain_workers
from clerk_tasks.operations.workers import list_workers
from clerk_tasks.operations.workers import scale as scale_pool

app = typer.Typer(invoke_without_command=True, help="List the workers that are alive; drain or scale them.")

COLUMNS = ("worker", "pools", "version", "running", "up", "silent", "draining", "skew")


@app.callback()
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the workers that are alive: pools, version, jobs at a time, age, and how each differs from this program."""
    if context.invoked_subcommand:
        return
    workers = list_workers()
    rows = [
        worker
        | {
            "running": f"{worker['running']} of {_size(worker)}",
            "up": timedelta(seconds=worker["up"]),
            "silent": f"{worker['silent']:g} s",
        }
        for worker in workers
    ]
    table = output.Listing(rows, COLUMNS, "No worker is running: start `clerk-tasks worker` or `clerk-tasks up`.")
    output.answer_one(workers, table, as_json=as_json)


def _size(worker: dict[str, Any]) -> str:
    """Return how many jobs a worker runs at a time, and how many it soon will."""
    size, wanted = worker["concurrency"], worker["scaled_to"]
    return f"{size}" if wanted in (None, size) else f"{size}, soon {wanted}"


@app.command()
def scale(
    pool: Annotated[str, typer.Argument(help="A worker pool.")],
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="Number of jobs at a time, of each worker.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="As many as each worker was started with.")] = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Make each worker of a pool run N jobs at a time, those that start later too. What runs is finished."""
    if (number is None) != reset:
        raise UsageError("Give the number of jobs at a time, or --reset.")
    scaled = scale_pool(pool, number, reason=reason)
    lines = [f"{worker['worker']} runs {_size(worker)} jobs at a time" for worker in scaled]
    if not lines:
        output.note(f"No worker of pool {pool} is running; those that start will have that size.")
    output.answer_one(scaled, *lines, as_json=as_json)


@app.command()
def drain(
    name: Annotated[str | None, typer.Argument(help="A worker as `workers` lists it, a host, or a pool.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every worker.")] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Hand back what still runs after 90s, 10m, 2h.")
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Ask workers to take nothing new, finish what runs, and end; `up` does not start them again."""
    if bool(name) == everything:
        raise UsageError("Name a worker, a host or a pool, or drain every worker with --all.")
    seconds = None if timeout is None else parse_duration(timeout)
    asked = drain_workers(name, timeout=seconds, reason=reason)
    output.answer_one(asked, *(f"{worker['worker']} drains" for worker in asked), as_json=as_json)
