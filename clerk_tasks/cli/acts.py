"""`clerk-tasks acts`: what operators did; follow a bulk act, or stop it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, Limit
from clerk_tasks.operations import acts

app = typer.Typer(invoke_without_command=True, help="List what operators did; follow or stop an act on many jobs.")

COLUMNS = ("id", "act", "what", "state", "done", "matched", "by", "began_at", "reason")
ActId = Annotated[int, typer.Argument(help="The act's id.")]


@app.callback()
def list_(
    context: typer.Context,
    before: Annotated[int | None, typer.Option(metavar="ID", help="Only acts before the one with this id.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List what operators did, newest first: who, when, what, to how many things, and why."""
    if context.invoked_subcommand:
        return
    listed = acts.list_acts(before=before, limit=limit or None)
    output.answer(listed, COLUMNS, as_json=as_json, empty="No operator has done anything yet.")


@app.command()
def show(
    act_id: ActId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print its progress until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one act: how far it is, or came."""
    act = acts.show_act(act_id)
    for act in acts.follow_act(act_id) if follow else ():
        output.note(_progress(act))
    output.answer_one(act, output.fields(act), as_json=as_json)


@app.command()
def stop(act_id: ActId, as_json: AsJson = False) -> None:
    """Stop an act on many jobs: what is done stays done, and its row says how many that are."""
    act = acts.stop_act(act_id)
    output.answer_one(act, f"{_progress(act)}; it stops after its current transaction", as_json=as_json)


def _progress(act: dict[str, Any]) -> str:
    return f"act {act['id']} ({act['act']}, {act['state']}): {act['done']} of {act['matched']}"
