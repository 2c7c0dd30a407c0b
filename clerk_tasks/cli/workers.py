"""`clerk-tasks workers`: who works, on what."""

from __future__ import annotations

from datetime import timedelta

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.workers import list_workers

COLUMNS = ("worker", "pools", "version", "running", "up", "silent", "skew")


def command(as_json: AsJson = False) -> None:
    """List the workers that are alive: pools, version, jobs at a time, age, and how each differs from this program."""
    workers = list_workers()
    rows = [
        worker
        | {
            "running": f"{worker['running']} of {worker['concurrency']}",
            "up": timedelta(seconds=worker["up"]),
            "silent": f"{worker['silent']:g} s",
        }
        for worker in workers
    ]
    table = output.Listing(rows, COLUMNS, "No worker is running: start `clerk-tasks worker` or `clerk-tasks up`.")
    output.answer_one(workers, table, as_json=as_json)
