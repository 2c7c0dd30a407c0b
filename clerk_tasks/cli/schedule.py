"""`clerk-tasks schedule`: list the schedules, say when they are due, force one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from clerk.database.clock import database_time
from clerk.database.transactions import reading
from clerk_tasks.cli import output
from clerk_tasks.schedules import slots

app = typer.Typer(no_args_is_help=True, help="List the schedules, and when they are due; force one.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the plugins' schedules, each with its next slot and what became of the last."""
    with reading() as connection:
        rows = [slots.describe(schedule, connection) for schedule in slots.gather().values()]
    if as_json:
        output.print_json(rows)
    else:
        columns = ("name", "cron", "timezone", "next", "last", "last_fate", "last_detail")
        output.print_table(rows, columns, empty="No plugin has a schedule.")


@app.command("next")
def next_(
    name: Annotated[str | None, typer.Argument(help="A schedule's name (default: all).")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="So many slots of each.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Say when the next slots fall due, in UTC and in the schedule's own time zone."""
    with reading() as connection:
        current = database_time(connection)
    schedules = [slots.find(name)] if name else list(slots.gather().values())
    rows = [
        {"name": schedule.name, "due_at": moment, "local": moment.astimezone(ZoneInfo(schedule.timezone))}
        for schedule in schedules
        for moment in slots.upcoming(schedule, current, count)
    ]
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, ("name", "due_at", "local"), empty="No plugin has a schedule.")


@app.command()
def tick(
    name: Annotated[str | None, typer.Argument(help="Fire this schedule now, due or not.")] = None,
    as_json: AsJson = False,
) -> None:
    """Do once what beat does all the time: fire what is due; or fire one schedule now."""
    fired = [slots.fire_now(name)] if name else slots.tick()
    rows = [asdict(each) for each in fired]
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, ("schedule", "due_at", "fate", "job_ids", "detail"), empty="Nothing is due.")
