"""The page Now, and the tables of runs and pauses that others show too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk_tasks.board import charts
from clerk_tasks.board.memory import memory
from clerk_tasks.board.parts import (
    Asked,
    Buttons,
    Drawing,
    Link,
    PageAnswer,
    Table,
    act_button,
    address,
    badge,
    bar,
    job_link,
    moment,
    run_link,
    site_link,
    tone_of,
)
from clerk_tasks.operations.now import look_now
from clerk_tasks.operations.short_ids import short_run_ids
from clerk_tasks.operations.wording import counted


def now(_asked: Asked) -> PageAnswer:
    """Answer whether all is well."""
    found = look_now(memory().surroundings())
    wrong = [check for check in found["checks"] if check["level"] != "ok"]
    parts: list[Any] = []
    if len(wrong) > 1:  # one is in the sentence
        rows = [[badge(check["level"]), check["check"], check["detail"]] for check in wrong]
        parts.append(Table("What needs attention", ("Level", "What", "Detail"), rows))
    if "runs" in found:
        parts += _now_parts(found)
    return PageAnswer(found["sentence"], "clerk-tasks now", found, parts, found["level"])


def _now_parts(found: Mapping[str, Any]) -> list[Any]:
    causes = [
        [
            Link(cause["cause"], address("/jobs", fingerprint=cause["fingerprint"])),
            cause["job_type"],
            cause["dead_letters"],
            cause["to_be_retried"],
            counted(len(cause["sites"]), "site"),
            moment(cause["last"]),
        ]
        for cause in found["causes"]
    ]
    day = [(tone_of(state), f"{count} {state}", count) for state, count in found["day"].items()]
    said = ", ".join(text for _, text, count in day if count) or "none"
    jobs = [
        [job_link(job["id"]), job["job_type"], site_link(job["subdomain"]), moment(job["started_at"]), job["note"]]
        for job in found["jobs"]
    ]
    columns = ("Cause", "Job type", "Dead letters", "To be retried", "Sites", "Last")
    drawing = Drawing(charts.shares(f"Runs of the last day: {said}", day))
    return [
        *([Table("What failed in the last day, by cause", columns, causes)] if causes else []),
        *([pauses_table(found["pauses"])] if found["pauses"] else []),
        Table("The last day", ("Runs", "By state"), [[said, drawing]]),
        unfinished_table(found["runs"], found["unfinished_runs"]),
        Table("Jobs that run", ("Job", "Type", "Site", "Since", "Progress"), jobs, "No job runs.", _ids(found["jobs"])),
    ]


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def unfinished_table(runs: list[dict[str, Any]], count: int) -> Table:
    """Return the table of runs that have not ended."""
    short = short_run_ids(run["id"] for run in runs)
    rows = [
        [
            run_link(run["id"], short),
            site_link(run["subdomain"]),
            run["pipeline"],
            run["stage"],
            bar(run["percent"]),
            run["remaining"],
            run["failed"],
            moment(run["ends_at"]),
        ]
        for run in runs
    ]
    columns = ("Run", "Site", "Pipeline", "Stage", "Done", "Left", "Failed", "Ends about")
    title = "Runs under way" if count <= len(runs) else f"Runs under way: the newest {len(runs)} of {count}"
    return Table(title, columns, rows, "No run is under way.", _ids(runs))


def pauses_table(pauses: list[dict[str, Any]]) -> Table:
    """Return the table of what is paused."""
    rows = [
        [
            pause["kind"],
            pause["name"],
            pause["by"],
            moment(pause["since"]),
            moment(pause["until"]) or "it is resumed",
            pause["waiting"],
            pause["reason"],
            Buttons([act_button("Resume…", "resume", kind=pause["kind"], name=_named(pause))]),
        ]
        for pause in pauses
    ]
    columns = ("Kind", "Name", "By", "Since", "Until", "Jobs wait", "Reason", "")
    return Table("What is paused", columns, rows, "Nothing is paused.")


def _named(pause: Mapping[str, Any]) -> str | None:
    return None if pause["kind"] == "all" else str(pause["name"])
