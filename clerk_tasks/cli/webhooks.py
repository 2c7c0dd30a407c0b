"""`clerk-tasks webhooks`: what webhooks deliver; test them, deliver now, retry."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, Limit
from clerk_tasks.operations import webhooks

app = typer.Typer(no_args_is_help=True, help="List what webhooks deliver; test them, deliver now, retry.")

COLUMNS = ("id", "event", "subdomain", "url", "state", "attempt", "created_at", "error")


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only pending, delivered or given-up ones.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    rows = webhooks.list_deliveries(state=state, limit=limit or None)
    output.answer(rows, COLUMNS, as_json=as_json, empty="Nothing was to be delivered yet.")


@app.command("test")
def try_(as_json: AsJson = False) -> None:
    """Send an event `test` to each address of CLERK_WEBHOOKS; exit 1 if one does not take it."""
    rows = webhooks.try_addresses()
    lines = [f"{row['url']}: {row['error'] or 'delivered'}" for row in rows]
    output.answer_one(rows, *lines, as_json=as_json)
    if any(row["error"] for row in rows):
        raise typer.Exit(1)


@app.command()
def deliver(as_json: AsJson = False) -> None:
    """Look for events and deliver what is due, once; beat does so every few seconds."""
    done = webhooks.deliver_now()
    line = ", ".join(f"{number} {what.replace('-', ' ')}" for what, number in done.items())
    output.answer_one(done, line, as_json=as_json)


@app.command()
def retry(
    delivery_id: Annotated[str, typer.Argument(help="The delivery's id.")],
    as_json: AsJson = False,
) -> None:
    """Deliver again what was given up, or waits for its next attempt, as soon as beat looks."""
    row = webhooks.deliver_again(delivery_id)
    output.answer_one(row, f"{row['id']} is due", as_json=as_json)
