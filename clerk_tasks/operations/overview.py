"""The whole system at one moment: queues and their rates, workers and what each does, runs under way, failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clerk.database.clock import database_time
from clerk.database.transactions import reading
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.activity import added_since, newest_job, running_jobs
from clerk_tasks.ledger.progress import unfinished_runs
from clerk_tasks.operations.failures import failures
from clerk_tasks.operations.workers import list_workers

#: How many running jobs, runs and causes of failures there are at most.
MOST_RUNNING, _MOST_RUNS, _MOST_CAUSES = 200, 10, 10
#: How far back failures are counted.
FAILURES_SINCE = "1h"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a rate is reckoned from: when it was taken, the job that was recorded last, and what had not ended."""

    moment: datetime
    newest: str | None
    unfinished: Mapping[str, int]


def overview(before: Sample | None = None) -> tuple[dict[str, Any], Sample]:
    """Return the system as it is, and the sample from which the next call reckons its rates.

    `queues` have `per_minute`, the jobs that have ended since the sample `before`, None without one, and `clears_in`,
    the seconds until none is left at that rate, if no job comes and none waits for its time; `workers` have `jobs`,
    what they do and for how many seconds; `runs` are the newest that have not ended; `failures` are those of the last
    hour, by cause.
    """
    with reading() as connection:
        moment = database_time(connection)
        newest = newest_job(connection)
        backlog = queries.backlog(connection)
        running = running_jobs(connection, limit=MOST_RUNNING)
        count, runs = unfinished_runs(connection, limit=_MOST_RUNS)
        added = added_since(connection, before.newest) if before else {}
    states = ("available", "waiting", "running", "held")
    unfinished = {queue["queue"]: sum(queue[state] for state in states) for queue in backlog}
    sample = Sample(moment, newest, unfinished)
    known = {queue["queue"]: queue for queue in backlog}
    names = sorted(known.keys() | (before.unfinished.keys() if before else set()) | added.keys())
    found = {
        "at": moment,
        "queues": [_queue(name, known.get(name), _rate(name, before, sample, added)) for name in names],
        "workers": [_worker(worker, running, moment) for worker in list_workers()],
        "unfinished_runs": count,
        "runs": runs,
        "failures": failures(FAILURES_SINCE)[:_MOST_CAUSES],
    }
    return found, sample


def _rate(queue: str, before: Sample | None, current: Sample, added: Mapping[str, int]) -> float | None:
    """Return how many jobs of a queue have ended a minute: those that were there or came, and are not there now."""
    seconds = (current.moment - before.moment).total_seconds() if before else 0.0
    if before is None or seconds <= 0:
        return None
    ended = before.unfinished.get(queue, 0) + added.get(queue, 0) - current.unfinished.get(queue, 0)
    return round(60 * max(ended, 0) / seconds, 1)


def _queue(name: str, known: Mapping[str, Any] | None, per_minute: float | None) -> dict[str, Any]:
    empty = {"queue": name, "available": 0, "waiting": 0, "running": 0, "held": 0, "oldest": None}
    found = {**empty, **(known or {}), "per_minute": per_minute}
    left = found["available"] + found["held"] + found["running"]
    return found | {"clears_in": round(60 * left / per_minute) if per_minute else None}


def _worker(worker: Mapping[str, Any], running: list[dict[str, Any]], moment: datetime) -> dict[str, Any]:
    doing = [
        {name: job[name] for name in ("id", "job_type", "subdomain", "attempt", "started_at")}
        | {"seconds": _seconds(job["started_at"], moment), "note": job["note"]}
        for job in running
        if job["instance"] == worker["instance"]
    ]
    return dict(worker) | {"jobs": doing}


def _seconds(begin: datetime | None, moment: datetime) -> float | None:
    return None if begin is None else round(max((moment - begin).total_seconds(), 0.0), 1)
