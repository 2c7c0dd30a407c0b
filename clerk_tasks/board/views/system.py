"""The pages about the whole system: Queues, Schedules, Workers and Acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk_tasks.board import charts
from clerk_tasks.board.memory import memory
from clerk_tasks.board.parts import (
    Asked,
    Badge,
    Button,
    Buttons,
    Drawing,
    Link,
    PageAnswer,
    Table,
    act_button,
    address,
    badge,
    bar,
    enqueue_button,
    job_link,
    moment,
    site_link,
    tone_of,
)
from clerk_tasks.board.views.now import pauses_table
from clerk_tasks.operations import acts, answers, limits, schedule
from clerk_tasks.operations.pauses import list_pauses
from clerk_tasks.operations.wording import counted, duration

#: How many acts one page lists.
_ACTS = 100


def queues(_asked: Asked) -> PageAnswer:
    """Answer which queue is behind, and when it will be clear."""
    found = memory().overview()
    rows = [
        [
            Link(queue["queue"], address("/jobs", queue=queue["queue"])),
            queue["available"],
            queue["waiting"],
            queue["held"],
            queue["running"],
            moment(queue["oldest"]),
            queue["per_minute"],
            None if queue["clears_in"] is None else f"in {duration(queue['clears_in'])}",
            Buttons([act_button("Pause…", "pause", kind="queue", name=queue["queue"])]),
        ]
        for queue in found["queues"]
    ]
    columns = ("Queue", "Available", "Later", "Held", "Running", "Oldest waits since", "Ended a minute", "Clear", "")
    limited = [
        [
            limit["job_type"],
            limit["key"],
            limit["concurrency"],
            limit["rate"],
            limit["running"],
            limit["available"],
            limit["held"],
            limit["source"],
            limit["by"],
            limit["reason"],
        ]
        for limit in limits.list_limits()
    ]
    titles = ("Job type", "For each", "At once", "Rate", "Run", "May run", "Held", "Set by", "Who", "Reason")
    parts = [
        Table("Queues", columns, rows, "No job is left.", [queue["queue"] for queue in found["queues"]]),
        Table("Limits", titles, limited, "No job type has a limit."),
        pauses_table(list_pauses()),
    ]
    pausing = [act_button("Pause…", "pause"), act_button("Pause everything…", "pause", kind="all")]
    buttons = [enqueue_button(), *pausing]
    return PageAnswer(answers.of_queues(found), "clerk-tasks top --once", found, parts, buttons=buttons)


def schedules(_asked: Asked) -> PageAnswer:
    """Answer what fires next, and what became of the last slots."""
    found = schedule.list_schedules()
    fates = schedule.slot_history()
    rows = [
        [
            each["name"],
            each["cron"],
            each["timezone"],
            moment(each["next"]),
            moment(each["last"]),
            badge(each["last_fate"]) if each["last_fate"] else None,
            _slots(each["name"], fates),
            each["last_detail"],
            _schedule_buttons(each["name"]),
        ]
        for each in found
    ]
    columns = ("Schedule", "Cron", "Time zone", "Next", "Last", "Its fate", "Slots, oldest first", "Detail", "")
    table = Table("Schedules", columns, rows, "There is no schedule.", [each["name"] for each in found])
    return PageAnswer(answers.of_schedules(found), "clerk-tasks schedule list", found, [table])


def _slots(name: str, fates: Mapping[str, list[dict[str, Any]]]) -> Drawing:
    slots = fates.get(name, [])
    cells = [
        (tone_of(slot["fate"]), f"{slot['due_at']:%Y-%m-%d %H:%M} UTC: {slot['fate']}") for slot in reversed(slots)
    ]
    return Drawing(charts.squares(f"The last {counted(len(cells), 'slot')} of {name}", cells))


def _schedule_buttons(name: str) -> Buttons:
    return Buttons(
        [act_button("Fire now…", "fire", name=name), act_button("Pause…", "pause", kind="schedule", name=name)]
    )


def workers(_asked: Asked) -> PageAnswer:
    """Answer whether the workers are alive, and what they do."""
    found = memory().overview()["workers"]
    rows, keys = [], []
    for worker in found:
        state = Badge("drains", "warn") if worker["draining"] else Badge("at work", "good")
        pool = worker["pools"][0] if worker["pools"] else None
        load = f"{worker['running']} of {worker['concurrency']}"
        buttons = [act_button("Drain…", "drain", worker=worker["worker"])]
        buttons += [act_button("Scale…", "scale", pool=pool)] if pool else []
        rows.append(
            [
                worker["worker"],
                state,
                ", ".join(worker["pools"]),
                bar(_load(worker)),
                load,
                worker["version"],
                worker["skew"],
                duration(worker["up"]),
                duration(worker["silent"]),
                Buttons(buttons),
            ]
        )
        keys.append(worker["instance"])
    columns = ("Worker", "State", "Pools", "Load", "Jobs", "Version", "Differs", "Up for", "Last heard of", "")
    jobs = [
        [
            worker["worker"],
            job_link(job["id"]),
            job["job_type"],
            site_link(job["subdomain"]),
            moment(job["started_at"]),
            job["note"],
        ]
        for worker in found
        for job in worker["jobs"]
    ]
    parts = [
        Table("Workers", columns, rows, "No worker runs: start `clerk-tasks worker` or `clerk-tasks up`.", keys),
        Table("What they do", ("Worker", "Job", "Type", "Site", "Since", "Progress"), jobs, "No job runs."),
    ]
    drain = [act_button("Drain all…", "drain")] if found else []
    return PageAnswer(answers.of_workers(found), "clerk-tasks workers", found, parts, buttons=drain)


def _load(worker: Mapping[str, Any]) -> float:
    return 100 * min(worker["running"] / worker["concurrency"], 1.0) if worker["concurrency"] else 0.0


def acted(asked: Asked) -> PageAnswer:
    """Answer what operators did."""
    before = asked.text("before")
    found = acts.list_acts(before=int(before) if before and before.isdecimal() else None, limit=_ACTS)
    rows = [
        [
            act["id"],
            act["act"],
            act["what"],
            badge(act["state"]),
            f"{act['done']} of {act['matched']}",
            act["refused"],
            act["by"],
            moment(act["began_at"]),
            act["reason"],
            _stop(act),
        ]
        for act in found
    ]
    columns = ("Id", "Act", "What", "State", "Done", "Refused", "By", "Began", "Reason", "")
    more = Link("Older acts", address("/acts", before=found[-1]["id"])) if len(found) == _ACTS else None
    table = Table("Acts", columns, rows, "No operator has done anything yet.", [str(a["id"]) for a in found], more)
    return PageAnswer(answers.of_acts(found), f"clerk-tasks acts --limit {_ACTS}", found, [table])


def _stop(act: Mapping[str, Any]) -> Buttons:
    running: list[Button] = [act_button("Stop…", "stop", id=act["id"])] if act["state"] == "running" else []
    return Buttons(running)
