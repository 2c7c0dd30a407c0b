"""The log of one attempt of a job, as far as its worker has written it to the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from clerk.database.engine import engine
from clerk.database.states import FINISHED, JobState
from clerk.database.transactions import reading
from clerk.errors import NotFoundError
from clerk_tasks.ledger import attempt_logs, queries

#: How often a log that grows is read again, in seconds.
_INTERVAL = 0.5
#: How long an attempt's last lines may take to be written after its end, in seconds.
SETTLING = 3.0


def read_log(job_id: str, attempt: int | None = None, *, start: int = 0) -> dict[str, Any]:
    """Return an attempt's lines from the number `start` on, by default those of the newest attempt.

    `dropped` is how many lines before them are kept no more, `next` the number of the line after them. `outcome` is
    the attempt's word in the history, None while it has not begun. NotFoundError for a job or an attempt that is not
    there.
    """
    with reading(engine()) as connection:
        job = queries.show_job(connection, job_id)
        number = attempt if attempt is not None else max(job["attempt"], 1)
        first, lines = attempt_logs.read(connection, job["id"], number, start=start)
    outcome = next((each["outcome"] for each in job["attempts"] if each["attempt"] == number), None)
    if attempt is not None and outcome is None:
        count = job["attempt"]
        raise NotFoundError(f"Job {job['id']} has no attempt {attempt}: it has had {count or 'none yet'}.")
    return {
        "id": job["id"],
        "job_type": job["job_type"],
        "subdomain": job["subdomain"],
        "attempt": number,
        "outcome": outcome,
        "over": outcome not in (None, JobState.RUNNING) or job["state"] in FINISHED,
        "dropped": first - start,
        "next": first + len(lines),
        "lines": [{"at": line.at.isoformat(), "level": line.level, "text": line.text} for line in lines],
    }


def follow_log(job_id: str, attempt: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield what `read_log` returns, again and again, each time the lines that are new, until the attempt is over."""
    found = read_log(job_id, attempt)
    attempt, over_since = found["attempt"], None
    while True:
        yield found
        if found["over"] and not found["lines"]:
            over_since = over_since or time.monotonic()
            if time.monotonic() - over_since >= SETTLING:
                return
        time.sleep(_INTERVAL)
        found = read_log(job_id, attempt if found["outcome"] else None, start=found["next"])
