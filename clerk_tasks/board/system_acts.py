"""Acts on all but jobs: pause, resume, drain, scale, roll back, update, fire, and the end of an act."""

from __future__ import annotations

import shlex

from clerk.errors import UsageError
from clerk.pauses import PAUSABLE
from clerk_tasks.board.act import Act, Done, Given, Preview
from clerk_tasks.board.parts import PageField, act_button
from clerk_tasks.operations import acts, pauses, published, schedule, workers
from clerk_tasks.operations.listing import job_states
from clerk_tasks.operations.times import parse_duration
from clerk_tasks.operations.updates import update_site
from clerk_tasks.operations.wording import counted


def _foresee_pause(given: Given) -> Preview:
    kind, name = given.text("kind"), given.text("name")
    fields = [PageField("for", "For how long, such as 2h or 7d (empty: until it is resumed)", given.text("for") or "")]
    if kind is None or (name is None and kind != "all"):
        named = [
            PageField("kind", "Kind", kind or "site", choices=PAUSABLE),
            PageField("name", "Its name (none for all)"),
        ]
        said = "Nothing of what is paused would begin; what runs goes on."
        return Preview(said, "Pause it", "clerk-tasks pause KIND NAME", fields=[*named, *fields], needs_reason=True)
    waiting = pauses.foresee_pause(kind, name)
    held = "" if waiting is None else f"; {counted(waiting, 'job')} that wait now would wait for its end"
    what = "everything" if kind == "all" else f"{kind} {name}"
    command = f"clerk-tasks pause {kind}{f' {shlex.quote(name)}' if name else ''} --reason …"
    said = f"Nothing of {what} would begin{held}. What runs goes on."
    return Preview(said, f"Pause {what}", command, fields=fields, needs_reason=True, undo="Resume undoes it.")


def _pause(given: Given, reason: str | None) -> Done:
    kind, name, span = given.need("kind"), given.text("name"), given.text("for")
    made = pauses.pause(kind, name, reason=reason or "", seconds=parse_duration(span) if span else None)
    return Done(f"{made}.", act_button("", "resume", kind=kind, name=name).href)


def _foresee_resume(given: Given) -> Preview:
    kind, name = given.need("kind"), given.text("name")
    found = [p for p in pauses.list_pauses() if p["kind"] == kind and (kind == "all" or p["name"] == name)]
    waiting = sum(pause["waiting"] or 0 for pause in found)
    what = "everything" if kind == "all" else f"{kind} {name}"
    command = f"clerk-tasks resume {kind}{f' {shlex.quote(name)}' if name else ''}"
    said = f"{counted(waiting, 'job')} could begin." if found else f"{what} is not paused."
    return Preview(said, f"Resume {what}", command, [f"Paused by {p['by']}: {p['reason']}" for p in found])


def _resume(given: Given, reason: str | None) -> Done:
    ended = pauses.resume(given.need("kind"), given.text("name"), reason=reason)
    return Done(f"{ended.what} is resumed.", act_button("", "pause", kind=ended.kind, name=given.text("name")).href)


def _foresee_drain(given: Given) -> Preview:
    name = given.text("worker")
    found = [worker for worker in workers.list_workers() if name in (None, worker["worker"])]
    running = sum(worker["running"] for worker in found)
    said = f"{counted(len(found), 'worker')} would take nothing new, finish {counted(running, 'job')}, and end."
    command = f"clerk-tasks workers drain {name or '--all'}"
    lines = [f"{worker['worker']}: {worker['running']} jobs run" for worker in found]
    return Preview(said, f"Drain {counted(len(found), 'worker')}", command, lines)


def _drain(given: Given, reason: str | None) -> Done:
    asked = workers.drain(given.text("worker"), timeout=None, reason=reason)
    return Done(f"{counted(len(asked), 'worker')} asked to drain.")


def _foresee_scale(given: Given) -> Preview:
    pool = given.need("pool")
    found = [worker for worker in workers.list_workers() if pool in worker["pools"]]
    said = f"{counted(len(found), 'worker')} of pool {pool} would run another number of jobs at a time."
    now = str(found[0]["concurrency"]) if found else ""
    fields = [PageField("size", "Jobs at a time (empty: as each worker was started)", now)]
    lines = [f"{worker['worker']}: {worker['running']} of {worker['concurrency']}" for worker in found]
    return Preview(said, f"Scale pool {pool}", f"clerk-tasks workers scale {pool} N", lines, fields)


def _scale(given: Given, reason: str | None) -> Done:
    pool, size = given.need("pool"), given.text("size")
    if size is not None and not size.isdecimal():
        raise UsageError(f"{size!r} is no number of jobs.")
    found = workers.scale(pool, None if size is None else int(size), reason=reason)
    said = f"{counted(len(found), 'worker')} of pool {pool}: {size or 'their own number of'} jobs at a time."
    return Done(said, act_button("", "scale", pool=pool).href)


def _foresee_rollback(given: Given) -> Preview:
    site, database, version = (given.need(name) for name in ("site", "database", "version"))
    found = published.find_version(site, database, version)
    said = (
        f"Readers would see version {version} of {database} of {site} again, with {found['rows'] or 'no known'} rows."
    )
    command = f"clerk-tasks publish rollback {site} --database {database.partition('.')[0]} --to {version}"
    return Preview(said, "Roll back", command, undo="Rolling back to the version of now undoes it.")


def _rollback(given: Given, reason: str | None) -> Done:
    site, database, version = (given.need(name) for name in ("site", "database", "version"))
    before = [v for v in published.list_versions(site) if v["database"] == database and v["live"]]
    published.roll_back(site, database, version, reason=reason)
    named = {"site": site, "database": database, "version": before[0]["version"]} if before else {}
    return Done(f"Readers see {version} of {database} of {site} again.", act_button("", "rollback", **named).href)


def _foresee_update(given: Given) -> Preview:
    site = given.need("site")
    said = f"1 run would begin, which fetches, reads and publishes {site}."
    return Preview(said, f"Update {site}", f"clerk-tasks update --subdomain {site}")


def _update(given: Given, reason: str | None) -> Done:
    enqueued = update_site(given.need("site"), reason=reason)
    jobs = job_states(enqueued.job_ids)
    undo = act_button("", "cancel-run", run=jobs[0]["run_id"]).href if jobs else None
    return Done(f"{counted(len(enqueued.job_ids), 'job')} enqueued.", undo)


def _foresee_fire(given: Given) -> Preview:
    name = given.need("name")
    due = schedule.list_slots(name, 1)[0]["due_at"]
    said = f"Schedule {name} would fire once now; its next slot, at {due:%Y-%m-%d %H:%M} UTC, stays."
    return Preview(said, "Fire it now", f"clerk-tasks schedule tick {name}")


def _fire(given: Given, reason: str | None) -> Done:
    (fired,) = schedule.fire(given.need("name"), reason=reason)
    return Done(f"Schedule {fired.schedule}: {fired.fate}, {counted(len(fired.job_ids), 'job')} enqueued.")


def _foresee_stop(given: Given) -> Preview:
    act = acts.show_act(_number(given))
    rest = f"has done {act['done']} of {act['matched']}; the rest would not be done"
    said = f"Act {act['id']} ({act['act']} {act['what']}) {rest}."
    return Preview(said, "Stop it", f"clerk-tasks acts stop {act['id']}")


def _stop(given: Given, _reason: str | None) -> Done:
    act = acts.stop_act(_number(given))
    return Done(f"Act {act['id']} stops after its current transaction.")


def _number(given: Given) -> int:
    text = given.need("id")
    if not text.isdecimal():
        raise UsageError(f"{text!r} is no act's id.")
    return int(text)


SYSTEM_ACTS = {
    "pause": Act("Pause", _foresee_pause, _pause),
    "resume": Act("Resume", _foresee_resume, _resume),
    "drain": Act("Drain workers", _foresee_drain, _drain),
    "scale": Act("Scale a pool", _foresee_scale, _scale),
    "rollback": Act("Roll back a database", _foresee_rollback, _rollback),
    "update": Act("Update a site", _foresee_update, _update),
    "fire": Act("Fire a schedule", _foresee_fire, _fire),
    "stop": Act("Stop an act", _foresee_stop, _stop),
}
