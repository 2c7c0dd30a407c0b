"""List and show jobs and runs, and count the work of the sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from clerk.database.states import RunState
from clerk.database.transactions import reading
from clerk.errors import UsageError
from clerk.fetching.failure_notes import owed_documents
from clerk.fetching.layout import Layout
from clerk.paths import site_dir
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.job_filter import count_matching
from clerk_tasks.ledger.progress import stages_progress, unfinished_runs, with_progress
from clerk_tasks.ledger.site_status import site_status
from clerk_tasks.ledger.unreadable import unreadable
from clerk_tasks.operations.job_filters import FilterTexts, check_filter, parse_filter
from clerk_tasks.operations.known import check_filters, parse_state

#: How far the jobs that match are counted.
MOST_MATCHING = 10_000


def list_jobs(
    *, before: str | None = None, limit: int | None = None, **texts: Unpack[FilterTexts]
) -> list[dict[str, Any]]:
    """Return jobs, newest first. Raises UsageError for a malformed filter, NotFoundError for an unknown one."""
    chosen = parse_filter(**texts)
    with reading() as connection:
        check_filter(connection, chosen)
        return queries.list_jobs(connection, chosen, before=before, limit=limit)


def count_jobs(*, most: int = MOST_MATCHING, **texts: Unpack[FilterTexts]) -> dict[str, Any]:
    """Return `filter`, written as options, and `number`, how many jobs match; `most` and one if there are more.

    Raises what `list_jobs` raises.
    """
    chosen = parse_filter(**texts)
    with reading() as connection:
        check_filter(connection, chosen)
        return {"filter": str(chosen), "number": count_matching(connection, chosen, most=most)}


def show_job(job_id: str) -> dict[str, Any]:
    """Return one job with its arguments and every attempt; NotFoundError for an unknown id."""
    with reading() as connection:
        return queries.show_job(connection, job_id)


def last_traceback(job: Mapping[str, Any]) -> list[str]:
    """Return the lines of the newest traceback among the attempts of a job that `show_job` returned."""
    texts = [attempt["traceback"] for attempt in job["attempts"] if attempt["traceback"]]
    return texts[-1].splitlines() if texts else []


def job_states(job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the summaries of some jobs, in the order of their ids."""
    with reading() as connection:
        return queries.job_states(connection, job_ids)


def jobs_since(job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the summaries of some jobs, and of those that were recorded in their runs since, their children say."""
    with reading() as connection:
        return queries.jobs_since(connection, job_ids)


def list_runs(
    *, subdomain: str | None = None, state: str | None = None, before: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return runs, newest first, with their progress.

    Raises UsageError for a malformed filter, NotFoundError for an unknown one.
    """
    wanted = parse_state(RunState, state)
    with reading() as connection:
        check_filters(connection, subdomain=subdomain)
        found = queries.list_runs(connection, subdomain=subdomain, state=wanted, before=before, limit=limit)
        return with_progress(connection, found)


def show_run(run_id: str, *, limit: int | None = None) -> dict[str, Any]:
    """Return one run with its stages and its newest jobs, and their progress; NotFoundError for an unknown id."""
    with reading() as connection:
        run = queries.show_run(connection, run_id, limit=limit)
        found = stages_progress(connection, run_id)
        run["stages"] = [stage | found[stage["id"]]._asdict() for stage in run["stages"]]
        return with_progress(connection, [run])[0]


def show_status(*, subdomain: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Return the number of jobs in each state, the backlog of each queue, the unfinished runs, and each site's last.

    Of the runs that have not ended, the newest `limit`; `unfinished_runs` is the number of all.
    """
    with reading() as connection:
        check_filters(connection, subdomain=subdomain)
        count, runs = unfinished_runs(connection, subdomain=subdomain, limit=limit)
        return {
            "jobs": queries.count_states(connection, subdomain=subdomain),
            "queues": queries.backlog(connection),
            "unfinished_runs": count,
            "runs": runs,
            "sites": [
                site | {"owed": count_owed(site["subdomain"])} for site in site_status(connection, subdomain=subdomain)
            ],
        }


def count_owed(subdomain: str) -> int:
    """Count a site's documents that were not downloaded or not read."""
    try:
        return len(owed_documents(Layout(site_dir(subdomain))))
    except UsageError:  # a name that an older program allowed
        return 0


def unreadable_rows(*, every_row: bool = False) -> list[str]:
    """Return a sentence for each row of the ledger that cannot be read, a hundred of each table.

    Unless `every_row` is read, those of completed jobs and runs are left out.
    """
    with reading() as connection:
        found = unreadable(connection, everything=every_row)
    mends = f"`clerk-tasks doctor --fix{' --every-row' if every_row else ''}` mends it."
    return [f"{each.kind} {each.subject}: {each.problem}; {mends}" for each in found]
