"""`clerk-tasks resume`: end a pause."""

from __future__ import annotations

from dataclasses import asdict

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, Reason
from clerk_tasks.cli.pause import Kind, Name
from clerk_tasks.operations.pauses import resume


def command(kind: Kind, name: Name = None, reason: Reason = None, as_json: AsJson = False) -> None:
    """End a pause; what waited for it begins within seconds."""
    ended = resume(kind, name, reason=reason)
    output.answer_one(asdict(ended), f"{ended.what} is resumed.", as_json=as_json)
