"""`clerk-tasks db`: the database's tables, from any release to this one's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk.database.migrate import check as find
from clerk.database.migrate import current as look
from clerk.database.migrate import history as read
from clerk.database.migrate import upgrade as run
from clerk.database.schema_version import HEAD
from clerk_tasks.cli import output
from clerk_tasks.operations import pruning

app = typer.Typer(no_args_is_help=True, help="Create the database, bring it up to date, check and prune it.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Create the tables or bring them up to date; a SQLite file is backed up first."""
    done = run()
    if as_json:
        output.print_json(asdict(done))
    elif done.before != done.after:
        output.print_line(f"{done.database}: {done.before or 'no revision'} -> {done.after}")
        if done.backup:
            output.print_line(f"backup: {done.backup}")
    else:
        output.print_line(f"{done.database}: {done.after}, nothing to do")


@app.command()
def current(as_json: AsJson = False) -> None:
    """Show which revision the database is at."""
    stamp = look()
    state = "newest" if stamp.revision == HEAD else (stamp.problem() or "newer than this code, which may use it")
    if as_json:
        output.print_json({**asdict(stamp), "head": HEAD, "usable": stamp.problem() is None})
    else:
        output.print_line(f"{stamp.revision or 'no revision'} ({state})")


@app.command()
def history(as_json: AsJson = False) -> None:
    """Show every revision, oldest first."""
    steps = [asdict(step) for step in read()]
    if as_json:
        output.print_json(steps)
    else:
        output.print_table(steps, ("revision", "summary"))


@app.command()
def check(as_json: AsJson = False) -> None:
    """Exit 1 if the database is not at this code's revision, or its tables are not as they should be."""
    problems = find()
    if as_json:
        output.print_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            output.fail(problem)
        if not problems:
            output.print_line("The database is as it should be.")
    raise typer.Exit(1 if problems else 0)


@app.command()
def prune(
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=1, max=36500, help="Whatever has been over for so many days.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete old runs with their jobs, old slots of schedules, and workers that are gone; all may go on working."""
    if not dry_run:
        output.confirm(f"Delete what has been over for {older_than} days?", yes=yes)
    counts = pruning.count(older_than) if dry_run else pruning.prune(older_than)
    if as_json:
        output.print_json(counts | {"pruned": not dry_run})
    else:
        listed = ", ".join(f"{number} {name}" for name, number in counts.items())
        output.print_line(f"{'Would delete' if dry_run else 'Deleted'} {listed}.")
