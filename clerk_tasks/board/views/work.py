"""The pages about work: Jobs, Job, Run and Failures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from clerk.database.states import FINISHED, JobState
from clerk.errors import NotFoundError
from clerk.visible import visible_json
from clerk_tasks.board.parts import (
    Asked,
    Button,
    Buttons,
    FactList,
    Lines,
    Link,
    PageAnswer,
    PageField,
    Table,
    act_button,
    address,
    badge,
    bar,
    enqueue_button,
    job_link,
    moment,
    run_link,
    site_link,
    tone_of,
)
from clerk_tasks.job_types.registry import registry
from clerk_tasks.operations import answers, listing
from clerk_tasks.operations.failures import failures as find_failures
from clerk_tasks.operations.job_filters import FilterTexts
from clerk_tasks.operations.job_logs import read_log
from clerk_tasks.operations.short_ids import full_job_id, full_run_id, short_job_ids
from clerk_tasks.operations.why import explain
from clerk_tasks.operations.wording import plain

#: How many jobs one page lists.
_PAGE = 100
#: What stands for arguments and results that a setting hides.
HIDDEN = "hidden by CLERK_BOARD_ARGUMENTS"
#: The filters of the page Jobs, as its address names them.
FILTERS = ("state", "job_type", "queue", "subdomain", "run_id", "error_like", "fingerprint", "older_than", "since")


def filter_texts(asked: Asked) -> FilterTexts:
    """Return the filter in an address, as the command line has it."""
    texts: Any = {name: asked.text(name) for name in FILTERS}
    arguments = [text for text in asked.query.getlist("arg") if text.strip()]
    if arguments and not asked.shows_arguments:
        raise NotFoundError(f"Jobs cannot be chosen by their arguments: these are {HIDDEN}.")
    chosen: FilterTexts = texts | {"arguments": arguments or None}
    return chosen


def _query(chosen: FilterTexts) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if name != "arguments"} | {"arg": chosen.get("arguments")}


def jobs(asked: Asked) -> PageAnswer:
    """Answer how many jobs match a filter, and list the newest."""
    chosen = filter_texts(asked)
    before = asked.text("before")
    counted = listing.count_jobs(**chosen)
    found = listing.list_jobs(before=before and full_job_id(before), limit=_PAGE, **chosen)
    short = short_job_ids(job["id"] for job in found)
    rows = [_row(job, short) for job in found]
    more = address("/jobs", **_query(chosen), before=found[-1]["id"]) if len(found) == _PAGE else None
    columns = ("Job", "Type", "Site", "State", "Attempt", "Queue", "Recorded", "Error or note")
    table = Table(
        "", columns, rows, "No job matches.", [job["id"] for job in found], Link("Older jobs", more) if more else None
    )
    command = f"clerk-tasks jobs list {counted['filter']}".strip()
    sentence = answers.of_jobs(counted["number"], listing.MOST_MATCHING, counted["filter"])
    buttons = [enqueue_button(chosen.get("subdomain")), *(_act_on_all(chosen) if counted["number"] else [])]
    return PageAnswer(sentence, command, found, [table], buttons=buttons, fields=_fields(asked))


def _row(job: Mapping[str, Any], short: Mapping[str, str]) -> list[Any]:
    said = job["error"] or job["note"]
    return [
        *(job_link(job["id"], short), job["job_type"], site_link(job["subdomain"]), badge(job["state"])),
        *(f"{job['attempt']} of {job['max_attempts']}", job["queue"], moment(job["created_at"]), said),
    ]


def _act_on_all(chosen: FilterTexts) -> list[Button]:
    state, query = chosen.get("state"), _query(chosen)
    found = []
    if state in (None, JobState.DISCARDED, JobState.CANCELLED):
        found.append(act_button("Retry all…", "retry", **query))
    if state not in FINISHED:
        found.append(act_button("Cancel all…", "cancel", **query))
    if state in (None, JobState.DISCARDED):
        found.append(act_button("Dismiss all…", "dismiss", **query))
    return found


def _fields(asked: Asked) -> list[PageField]:
    def value(name: str) -> str:
        return asked.text(name) or ""

    types = tuple(sorted(registry().job_types))
    queues = tuple(sorted(registry().queues))
    return [
        PageField("state", "State", value("state"), choices=tuple(JobState)),
        PageField("job_type", "Type", value("job_type"), suggestions=types),
        PageField("queue", "Queue", value("queue"), suggestions=queues),
        PageField("subdomain", "Site", value("subdomain")),
        PageField("error_like", "Error contains", value("error_like")),
        *([PageField("arg", "Argument NAME=VALUE", value("arg"))] if asked.shows_arguments else []),
        PageField("since", "Recorded in the last", value("since")),
        PageField("older_than", "Older than", value("older_than")),
    ]


def job(asked: Asked) -> PageAnswer:
    """Answer why a job is as it is."""
    job_id = full_job_id(asked.path["job_id"])
    found = listing.show_job(job_id)
    lines = explain(job_id)
    if not asked.shows_arguments:
        found |= dict.fromkeys(("arguments", "result", "unique_key"), HIDDEN)
        lines = [line for line in lines if not line.startswith("  It returned ")]
    facts: dict[str, Any] = {
        "Id": found["id"],
        "Type": found["job_type"],
        "Site": site_link(found["subdomain"]),
        "Run": run_link(found["run_id"]),
        "Queue": Link(found["queue"], address("/jobs", queue=found["queue"])),
        "Priority": found["priority"],
        "State": badge(found["state"]),
        "Attempt": f"{found['attempt']} of {found['max_attempts']}",
        "Recorded": moment(found["created_at"]),
        "Due": moment(found["due_at"]),
        "Lease until": moment(found["lease_until"]),
        "Ended": moment(found["finished_at"]),
        "Note": found["note"],
        "Arguments": _json(found["arguments"]),
        "Result": None if found["result"] is None else _json(found["result"]),
        "Trace": found["traceparent"],
    }
    attempts = [
        [
            attempt["attempt"],
            badge(attempt["outcome"]),
            attempt["worker"],
            attempt["pid"],
            *map(moment, (attempt["started_at"], attempt["finished_at"], attempt["lease_until"])),
            attempt["error"],
        ]
        for attempt in found["attempts"]
    ]
    columns = ("Attempt", "Outcome", "Worker", "Process", "Began", "Ended", "Lease until", "Error")
    log = read_log(job_id)
    dropped = [f"… {log['dropped']} lines before these are not kept"] if log["dropped"] > 0 else []
    said = [f"{line['at'][11:23]} {line['level']:<8} {line['text']}" for line in log["lines"]]
    traceback = listing.last_traceback(found)
    parts = [
        Lines("Why", lines[1:]),
        Table("Attempts", columns, attempts, "No attempt has begun."),
        *([Lines("Last traceback", traceback)] if traceback else []),
        Lines(f"Log of attempt {log['attempt']}", [*dropped, *said] or ["Nothing was said."], follows=not log["over"]),
        FactList("Facts", facts),
    ]
    title = f"Job {found['id']}"
    return PageAnswer(lines[0], f"clerk-tasks jobs show {job_id}", found, parts, _level(found), title, _buttons(found))


def _level(found: Mapping[str, Any]) -> str:
    return {"bad": "down", "warn": "attention"}.get(tone_of(found["state"]), "ok")


def _json(value: Any) -> str:
    return value if isinstance(value, str) else visible_json(value, indent=None, default=plain)


def _buttons(found: Mapping[str, Any]) -> list[Button]:
    job_id, state = found["id"], found["state"]
    buttons = []
    if state in (JobState.DISCARDED, JobState.CANCELLED):
        buttons.append(act_button("Retry…", "retry", job=job_id))
    if state == JobState.DISCARDED:
        buttons.append(act_button("Dismiss…", "dismiss", job=job_id))
    if state in (JobState.SCHEDULED, JobState.RETRYABLE) and found["due_at"]:
        buttons.append(act_button("Run now…", "run-now", job=job_id))
    if state not in FINISHED:
        buttons.append(act_button("Cancel…", "cancel", job=job_id))
    return buttons


def run(asked: Asked) -> PageAnswer:
    """Answer where a run stands, and when it ends."""
    run_id = full_run_id(asked.path["run_id"])
    found = listing.show_run(run_id, limit=_PAGE)
    stages = [
        [
            stage["name"],
            badge(stage["state"]),
            bar(stage["percent"]),
            stage["total"],
            stage["remaining"],
            stage["failed"],
            stage["cancelled"],
            f"{100 * stage['tolerance']:.0f} % may fail",
            stage["rate"],
            *map(moment, (stage["opened_at"], stage["closed_at"], stage["ends_at"])),
        ]
        for stage in found["stages"]
    ]
    columns = ("Stage", "State", "Done", "Jobs", "Left", "Failed", "Cancelled", "Tolerance", "A minute")
    short = short_job_ids(job["id"] for job in found["jobs"])
    rows = [_row(job, short) for job in found["jobs"]]
    titles = ("Job", "Type", "Site", "State", "Attempt", "Queue", "Recorded", "Error or note")
    every = Link("All jobs of this run", address("/jobs", run_id=run_id))
    parts = [
        Table("Stages", (*columns, "Opened", "Closed", "Ends about"), stages),
        Table(f"Its newest jobs, at most {_PAGE}", titles, rows, "It has no job.", list(short), every),
        FactList("Facts", {"Site": site_link(found["subdomain"]), "Options": _json(found["options"])}),
    ]
    running = found["state"] == "running"
    again = [act_button("Retry…", "retry-run", run=run_id), act_button("Retry failed and missing only…", "retry-run",
             run=run_id, only="failed,missing")]  # fmt: skip
    buttons = [act_button("Cancel…", "cancel-run", run=run_id)] if running else again
    command = f"clerk-tasks runs show {run_id}"
    return PageAnswer(answers.of_run(found), command, found, parts, _level(found), f"Run {run_id}", buttons)


def failures(asked: Asked) -> PageAnswer:
    """Answer which causes made jobs fail."""
    since = asked.text("since") or "24h"
    found = find_failures(since)
    rows = [
        [
            Link(cause["cause"], address("/jobs", fingerprint=cause["fingerprint"])),
            cause["job_type"],
            cause["dead_letters"],
            cause["to_be_retried"],
            _sites(cause["sites"]),
            moment(cause["first"]),
            moment(cause["last"]),
            job_link(cause["job"], {cause["job"]: "example"}),
            _replay(cause["fingerprint"]),
        ]
        for cause in found
    ]
    columns = ("Cause", "Job type", "Dead letters", "To be retried", "Sites", "First", "Last", "Job", "")
    table = Table("", columns, rows, f"Nothing failed in the last {since}.", [each["fingerprint"] for each in found])
    fields = [PageField("since", "In the last", since)]
    sentence, level = answers.of_failures(found, since), "attention" if found else "ok"
    return PageAnswer(
        sentence, f"clerk-tasks failures --since {shlex.quote(since)}", found, [table], level, fields=fields
    )


def _sites(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _replay(fingerprint: str) -> Buttons:
    query = {"fingerprint": fingerprint, "state": "discarded"}
    return Buttons([act_button("Retry all…", "retry", **query), act_button("Dismiss all…", "dismiss", **query)])
