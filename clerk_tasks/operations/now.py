"""Whether all is well: the verdict, what needs attention by cause, the last day, what is paused, and what runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from clerk.database.clock import database_time
from clerk.database.transactions import reading
from clerk_tasks.ledger.activity import running_jobs
from clerk_tasks.ledger.nights import count_runs_since
from clerk_tasks.ledger.progress import unfinished_runs
from clerk_tasks.ledger.queries import backlog
from clerk_tasks.operations.failures import failures
from clerk_tasks.operations.health import Finding, as_report, check_ledger, check_surroundings
from clerk_tasks.operations.level import Level
from clerk_tasks.operations.pauses import list_pauses
from clerk_tasks.operations.wording import counted

#: How many running jobs, unfinished runs and causes of failures are listed at most.
LISTED_NOW = 10
#: How far back failures and runs are counted.
SPAN, _SPAN = "24h", timedelta(hours=24)


def look_now(surroundings: Sequence[Finding] | None = None) -> dict[str, Any]:
    """Return the state of the system in one look, `sentence` first.

    `level` and `checks` are those of `health`; `causes`, `runs` and `jobs` the first LISTED_NOW of what failed in the
    last day, has not ended, and runs; `day` counts the runs that began in the last day by their state, `queues` is the
    backlog. While the database is down there are only `sentence`, `level` and `checks`. `surroundings` are the findings
    about broker and plugins where a moment ago is recent enough.
    """
    findings = check_ledger()
    if findings[0].level is Level.DOWN:
        return {"sentence": _verdict(findings, 0, 0), **as_report(findings)}
    findings += check_surroundings() if surroundings is None else surroundings
    with reading() as connection:
        queues = backlog(connection)
        jobs = running_jobs(connection, limit=LISTED_NOW)
        count, runs = unfinished_runs(connection, limit=LISTED_NOW)
        day = count_runs_since(connection, database_time(connection) - _SPAN)
    waiting = sum(queue["available"] + queue["waiting"] + queue["held"] for queue in queues)
    return {
        "sentence": _verdict(findings, sum(queue["running"] for queue in queues), waiting),
        **as_report(findings),
        "causes": failures(SPAN)[:LISTED_NOW],
        "day": day,
        "pauses": list_pauses(),
        "queues": queues,
        "unfinished_runs": count,
        "runs": runs,
        "jobs": jobs,
    }


def _verdict(findings: Sequence[Finding], running: int, waiting: int) -> str:
    """Return the sentence that answers whether all is well."""
    down = next((finding for finding in findings if finding.level is Level.DOWN), None)
    if down is not None:
        return f"Nothing can run: {down.detail}"
    wrong = [finding for finding in findings if finding.level is Level.ATTENTION]
    if len(wrong) == 1:
        return f"One thing needs attention: {wrong[0].detail}"
    if wrong:
        return f"{len(wrong)} things need attention."
    workers = sum(finding.check == "worker" for finding in findings)
    runs = f"{counted(workers, 'worker')} {'runs' if workers == 1 else 'run'} {counted(running, 'job')}"
    return f"All is well: {runs}, {counted(waiting, 'job')} wait."
