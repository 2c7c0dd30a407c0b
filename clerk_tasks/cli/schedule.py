"""`clerk-tasks schedule`: list the schedules, their next and their last slots; fire one now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations import schedule

app = typer.Typer(no_args_is_help=True, help="List the schedules, their next and their last slots; fire one now.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the schedules, each with its next slot and the fate of its last."""
    columns = ("name", "cron", "timezone", "next", "last", "last_fate", "last_detail")
    output.answer(schedule.list_schedules(), columns, as_json=as_json, empty="There is no schedule.")


@app.command("next")
def next_(
    name: Annotated[str | None, typer.Argument(help="A schedule's name (default: all).")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="Number of slots of each schedule.")] = 5,
    as_json: AsJson = False,
) -> None:
    """List the next slots, in your time and in the schedule's own time zone."""
    rows = schedule.list_slots(name, count)
    if not as_json:  # a table shows times in the reader's zone, but texts as they are
        rows = [row | {"local": str(row["local"])} for row in rows]
    output.answer(rows, ("name", "due_at", "local"), as_json=as_json, empty="There is no schedule.")


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="A schedule's name (default: all).")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="Number of slots of each schedule.")] = 5,
    as_json: AsJson = False,
) -> None:
    """List the last slots, newest first, and what became of each."""
    found = schedule.slot_history(name, count)
    rows = [{"name": each} | slot for each, slots in found.items() for slot in slots]
    output.answer(rows, ("name", "due_at", "fate", "jobs", "detail"), as_json=as_json, empty="There is no slot yet.")


@app.command()
def tick(
    name: Annotated[str | None, typer.Argument(help="Fire this schedule now, due or not.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fire every schedule that is due, once, as beat does; or fire one schedule now."""
    rows = [asdict(fired) for fired in schedule.fire(name)]
    output.answer(rows, ("schedule", "due_at", "fate", "job_ids", "detail"), as_json=as_json, empty="Nothing is due.")
