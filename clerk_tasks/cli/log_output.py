"""How `jobs logs` prints the lines of an attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clerk_tasks.cli import output


def show_log(found: dict[str, Any], *, as_json: bool) -> None:
    """Print the log of an attempt."""
    if as_json:
        output.print_json(found)
        return
    if not found["lines"]:
        output.note(_empty(found))
    show_new_lines(found, as_json=False)


def show_new_lines(found: dict[str, Any], *, as_json: bool) -> None:
    """Print lines at once; on stderr, how many before them are kept no more."""
    if found["dropped"]:
        output.warn(f"{found['dropped']} older lines were dropped: CLERK_JOB_LOG_LIMIT is what is kept of an attempt.")
    for line in found["lines"]:
        if as_json:
            output.print_json_line({"id": found["id"], "attempt": found["attempt"]} | line)
        else:
            moment = datetime.fromisoformat(line["at"]).astimezone()
            output.print_line(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {line['level']:8}{line['text']}")
    output.flush()


def _empty(found: dict[str, Any]) -> str:
    if found["outcome"] is None and not found["over"]:
        return f"Job {found['id']} has not begun."
    so_far = "" if found["over"] else " so far"
    return f"Attempt {found['attempt']} of job {found['id']} has said nothing{so_far}."
