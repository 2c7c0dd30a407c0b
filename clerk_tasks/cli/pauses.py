"""`clerk-tasks pauses`: what is paused."""

from __future__ import annotations

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.pauses import list_pauses

COLUMNS = ("kind", "name", "by", "since", "until", "waiting", "reason")


def command(as_json: AsJson = False) -> None:
    """List what is paused, by whom, why, until when, and how many jobs wait for it."""
    output.answer(list_pauses(), COLUMNS, as_json=as_json, empty="Nothing is paused.")
