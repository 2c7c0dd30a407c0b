"""One sentence about what a command prints: what an operator wants to know first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clerk_tasks.operations.wording import counted, duration, percent

#: A site whose last completed run ended longer ago is late.
LATE_AFTER = timedelta(days=3)
Row = Mapping[str, Any]


def is_late(site: Row) -> bool:
    """Return whether a site of `status` has had no completed run for LATE_AFTER, or never had one."""
    return site["age"] is None or site["age"] > LATE_AFTER.total_seconds()


def is_failing(site: Row) -> bool:
    """Return whether the last run of a site of `status` failed."""
    return bool(site["last_run_state"] == "failed")


def of_sites(sites: Sequence[Row]) -> str:
    """Say how many of the sites are up to date, late and failing."""
    if not sites:
        return "There is no site yet: `clerk-tasks sites add` adds one."
    late = sum(map(is_late, sites))
    parts = [f"{len(sites) - late} up to date", f"{late} late", f"{sum(map(is_failing, sites))} failing"]
    return f"{counted(len(sites), 'site')}: {', '.join(parts)}."


def of_run(run: Row) -> str:
    """Say where a run stands, and when it will end."""
    said = f"{run['pipeline']} of {run['subdomain']}: {run['state']}"
    if run["state"] == "running":
        stage = next((stage for stage in run["stages"] if stage["state"] == "open"), None)
        where = f", in stage {stage['name']} with {counted(stage['remaining'], 'job')} left" if stage else ""
        ends = f", until about {_text(run['ends_at'])}" if run["ends_at"] else ""
        return f"{said}{where}, {percent(run['percent'])} done{ends}."
    failed = sum(stage["failed"] for stage in run["stages"])
    return f"{said} at {_text(run['finished_at'])}, {counted(failed, 'job')} failed."


def of_jobs(number: int, most: int, chosen: str) -> str:
    """Say how many jobs match a filter, written as options."""
    many = f"More than {counted(most, 'job')} match" if number > most else f"{counted(number, 'job')} match"
    if number == 1:
        many = "1 job matches"
    return f"{many} {chosen}." if chosen else f"{many}: no filter is given."


def of_failures(causes: Sequence[Row], since: str) -> str:
    """Say how many causes of failures there are, and which is the most frequent."""
    if not causes:
        return f"Nothing failed in the last {since}."
    dead, retried = (sum(cause[name] for cause in causes) for name in ("dead_letters", "to_be_retried"))
    return (
        f"{counted(len(causes), 'cause')} in the last {since}, with {counted(dead, 'dead letter')} and "
        f"{counted(retried, 'job')} to be tried again; the first: {causes[0]['cause']}"
    )


def of_queues(found: Row) -> str:
    """Say what waits, which queue is slowest, and when it will be clear; `found` is the overview."""
    waiting = sum(queue["available"] for queue in found["queues"])
    if not waiting:
        return "No job waits for a worker."
    aged = [queue for queue in found["queues"] if queue["oldest"]]
    if not aged:
        return f"{counted(waiting, 'job')} wait, all of them paused."
    slowest = min(aged, key=lambda queue: datetime.fromisoformat(queue["oldest"]))
    seconds = (found["at"] - datetime.fromisoformat(slowest["oldest"])).total_seconds()
    clear = f"; at its rate it is clear in {duration(slowest['clears_in'])}" if slowest["clears_in"] else ""
    many = f"{counted(waiting, 'job')} {'waits' if waiting == 1 else 'wait'}"
    return f"{many}; the oldest, in queue {slowest['queue']}, for {duration(max(seconds, 0))}{clear}."


def of_job_types(job_types: Sequence[Row]) -> str:
    """Say how many job types there are."""
    plugins = len({each["plugin"] for each in job_types})
    return f"{counted(len(job_types), 'job type')} of {counted(plugins, 'plugin')} can be enqueued."


def of_schedules(schedules: Sequence[Row]) -> str:
    """Say which schedule fires next, and whether the last slot of one failed."""
    if not schedules:
        return "There is no schedule."
    first = min(schedules, key=lambda each: datetime.fromisoformat(each["next"]))
    wrong = [each["name"] for each in schedules if each["last_fate"] in ("failed", "missed")]
    trouble = f"; the last slot failed or was missed of {', '.join(wrong)}" if wrong else ""
    return f"Next is {first['name']}, at {_text(first['next'])}{trouble}."


def of_workers(workers: Sequence[Row]) -> str:
    """Say how many workers are alive and busy, drain, or run other code."""
    if not workers:
        return "No worker is running: start `clerk-tasks worker` or `clerk-tasks up`."
    running, size = (sum(worker[name] for worker in workers) for name in ("running", "concurrency"))
    parts = [f"{counted(len(workers), 'worker')}, {running} of {counted(size, 'place')} taken"]
    parts += [f"{number} draining"] if (number := sum(worker["draining"] for worker in workers)) else []
    parts += [f"{number} with other code"] if (number := sum(bool(worker["skew"]) for worker in workers)) else []
    return f"{', '.join(parts)}."


def of_acts(acts: Sequence[Row]) -> str:
    """Say what was done last, and by whom."""
    if not acts:
        return "No operator has done anything yet."
    last = acts[0]
    running = sum(act["state"] == "running" for act in acts)
    more = f"; {counted(running, 'act')} under way" if running else ""
    return f"Last: {last['act']} {last['what']}, by {last['by']} at {_text(last['began_at'])}{more}."


def of_published(versions: Sequence[Row]) -> str:
    """Say what readers see, and which of that is oldest."""
    live = [version for version in versions if version["live"]]
    if not live:
        return "Nothing is published here."
    dated = [version for version in live if version["published_at"]]
    oldest = min(dated, key=lambda version: datetime.fromisoformat(version["published_at"]), default=None)
    said = (
        f"; the oldest: {oldest['database']} of {oldest['subdomain']}, {_text(oldest['published_at'])}"
        if oldest
        else ""
    )
    return f"Readers see {counted(len(live), 'database')}{said}."


def _text(value: datetime | str | None) -> str:
    if value is None:
        return "an unknown time"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
