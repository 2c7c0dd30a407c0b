"""`clerk-tasks db`: the database's tables, from any release to this one's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk.database.migrate import check as find
from clerk.database.migrate import current as look
from clerk.database.migrate import downgrade as undo
from clerk.database.migrate import history as read
from clerk.database.migrate import upgrade as run
from clerk.database.schema_version import HEAD
from clerk.sites.admin import site_problems
from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, DryRun, EveryRow, Yes
from clerk_tasks.operations import pruning
from clerk_tasks.operations.listing import unreadable_rows

app = typer.Typer(no_args_is_help=True, help="Create, upgrade, check and prune the database.")


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Create the tables or bring them up to date; a SQLite file is backed up first."""
    done = run()
    changed = f"{done.before or 'no revision'} -> {done.after}" if done.before != done.after else None
    lines = [f"{done.database}: {changed or f'{done.after}, nothing to do'}"]
    if done.backup:
        lines.append(f"backup: {done.backup}")
    output.answer_one(asdict(done), *lines, as_json=as_json)


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Where to stop: a revision of `db history`, or `base`.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take the tables back to an earlier revision, if nothing is lost; a SQLite file is backed up first."""
    output.confirm(f"Take the database back to {revision}?", yes=yes)
    done = undo(revision)
    lines = [f"{done.database}: {f'{done.before} -> {done.after}' if done.applied else f'{done.after}, nothing to do'}"]
    if done.backup:
        lines.append(f"backup: {done.backup}")
    output.answer_one(asdict(done), *lines, as_json=as_json)


@app.command()
def current(as_json: AsJson = False) -> None:
    """Show the revision of the database."""
    stamp = look()
    state = "newest" if stamp.revision == HEAD else (stamp.problem() or "newer than this code, which may use it")
    value = {**asdict(stamp), "head": HEAD, "usable": stamp.problem() is None}
    output.answer_one(value, f"{stamp.revision or 'no revision'} ({state})", as_json=as_json)


@app.command()
def history(as_json: AsJson = False) -> None:
    """Show every revision, oldest first."""
    steps = [asdict(step) for step in read()]
    output.answer(steps, ("revision", "summary"), as_json=as_json)


@app.command()
def check(every_row: EveryRow = False, as_json: AsJson = False) -> None:
    """Exit 1 if the database is not at this code's revision, its tables differ from it, or a row cannot be read."""
    problems = find() or [*site_problems(), *unreadable_rows(every_row=every_row)]
    for problem in problems:
        output.fail(problem)
    lines = () if problems else ("The database is as it should be.",)
    output.answer_one({"ok": not problems, "problems": problems}, *lines, as_json=as_json)
    raise typer.Exit(1 if problems else 0)


@app.command()
def prune(
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=1, max=36500, help="Delete what ended at least this many days ago.")
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete old runs with their jobs, old schedule slots, and stopped workers. Workers may run meanwhile."""
    if not dry_run:
        output.confirm(f"Delete what ended at least {older_than} days ago?", yes=yes)
    counts = pruning.count(older_than) if dry_run else pruning.prune(older_than)
    listed = ", ".join(f"{number} {name}" for name, number in counts.items())
    many = "at least " if counts["runs"] >= pruning.MOST_COUNTED else ""
    line = f"Would delete {many}{listed}." if dry_run else f"Deleted {listed}."
    output.answer_one(counts | {"pruned": not dry_run}, line, as_json=as_json)
