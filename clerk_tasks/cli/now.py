"""`clerk-tasks now`: whether all is well, and what needs attention."""

from __future__ import annotations

from typing import Any

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.cli.runs_output import unfinished_listing
from clerk_tasks.operations.now import look_now

_CAUSES = ("fingerprint", "job_type", "dead_letters", "to_be_retried", "last", "cause")
_PAUSES = ("kind", "name", "by", "since", "until", "waiting", "reason")


def command(as_json: AsJson = False) -> None:
    """Say whether all is well, what needs attention, what failed in the last day, what is paused and what runs."""
    found = look_now()
    output.answer_one(found, *(() if as_json else _parts(found)), as_json=as_json)


def _parts(found: dict[str, Any]) -> list[str | output.Listing]:
    parts: list[str | output.Listing] = [found["sentence"]]
    wrong = [check for check in found["checks"] if check["level"] != "ok"]
    if len(wrong) > 1:
        parts += ["", output.Listing(wrong, ("check", "detail"))]
    if "runs" not in found:
        return parts
    day = ", ".join(f"{count} {state}" for state, count in found["day"].items() if count) or "none"
    parts += [f"runs of the last day: {day}"]
    tables = (output.Listing(found["causes"], _CAUSES), output.Listing(found["pauses"], _PAUSES))
    for table in (*tables, unfinished_listing(found["runs"])):
        parts += ["", table] if table.rows else []
    return parts
