"""Turn requests into runs, stages and jobs: validate them, and record them in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, select

from clerk.database.literals import one_of
from clerk.database.states import UNFINISHED
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import sites_table as sites
from clerk.database.transactions import serialise
from clerk.errors import ConflictError, UsageError, missing
from clerk.jobs import JobRequest, JobType, Priority
from clerk.paths import validate_subdomain
from clerk.run_ids import generate_run_id
from clerk.stage import MEETINGS
from clerk_tasks.job_types.arguments import prepare
from clerk_tasks.job_types.registry import Registry, registry
from clerk_tasks.job_types.signatures import signature
from clerk_tasks.ledger import limits
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import NewJob, NewStage, Recorded
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.ledger.site_columns import project
from clerk_tasks.pipeline import stages_from
from clerk_tasks.traced_runs import traced_stages

#: Locked, so that the site cannot be removed before its jobs are visible; only a removal waits for it.
_SITE = Compiled(
    select(sites.c.subdomain)
    .where(sites.c.subdomain == bindparam("subdomain"))
    .with_for_update(read=True, key_share=True)
)


def record_requests(connection: Connection, requests: Sequence[JobRequest]) -> Recorded:
    """Record jobs, one run per site, in the caller's transaction; publish the messages after the commit."""
    return record_groups(connection, grouped(requests))


def grouped(requests: Sequence[JobRequest]) -> list[list[NewJob]]:
    """Validate requests; return the jobs of each run to be: those of a site, those that begin a passage apart."""
    known = registry()
    new_jobs = [new_job(request, known) for request in requests]
    passages = {name: name if stages_from(name) else "" for name in {job.job_type for job in new_jobs}}

    def run_key(job: NewJob) -> tuple[str, str]:
        return job.subdomain, passages[job.job_type]

    return [list(group) for _, group in groupby(sorted(new_jobs, key=run_key), key=run_key)]


def record_groups(connection: Connection, groups: Sequence[list[NewJob]]) -> Recorded:
    """Record the jobs of each group as a run; a passage of a site that has one under way is left out."""
    total = Recorded()
    for new_jobs in groups:
        require_site(connection, new_jobs[0].subdomain)
        with connection.begin_nested() as savepoint:
            recorded = record_jobs(connection, new_jobs, run_id=None, of_many=len(groups) > 1)
            if recorded.conflicts and (stages_from(new_jobs[0].job_type) or not recorded.messages):
                savepoint.rollback()  # another passage of this site is already under way
                recorded = Recorded(conflicts=recorded.conflicts)
        total.add(recorded)
    return total


def record_jobs(
    connection: Connection, new_jobs: Sequence[NewJob], *, run_id: str | None, of_many: bool = False
) -> Recorded:
    """Record jobs as one run, or in the run of that id; those that begin a passage bring its later stages along.

    `of_many` runs that begin together, each has a trace of its own.
    """
    first = new_jobs[0]
    passage = stages_from(first.job_type)
    known = registry()
    following = [
        NewStage(
            name=stage.name,
            jobs=[new_job(JobRequest(stage.job_type, first.subdomain), known)],
            tolerance=stage.tolerance,
        )
        for stage in passage[1:]
    ]
    begin = NewStage(
        name=passage[0].name if passage else first.job_type,
        jobs=new_jobs,
        tolerance=passage[0].tolerance if passage else 0.0,
    )
    if limited := {job.job_type: known.get(job.job_type).job_type.limit for job in new_jobs if job.limit_key}:
        limits.note_missing(connection, {name: limit for name, limit in limited.items() if limit})
    if run_id:
        serialise(connection, f"run {run_id}")
    joined, run_id = run_id, run_id or generate_run_id(first.subdomain)
    recorded = record_run(
        connection,
        run_id,
        subdomain=first.subdomain,
        pipeline=pipeline_of(first.job_type),
        new_stages=traced_stages(connection, [begin, *following], run_id=run_id, joined=joined, of_many=of_many),
    )
    if passage:
        project(connection, run_id)
    return recorded


def pipeline_of(job_type: str) -> str:
    """Return the pipeline of a run that a job of this type begins."""
    return MEETINGS if stages_from(job_type) else job_type


def require_sites(connection: Connection, subdomains: set[str]) -> None:
    """Raise NotFoundError unless all sites are there; nothing is locked."""
    known = set(connection.execute(select(sites.c.subdomain)).scalars())
    for subdomain in sorted(subdomains - known):
        raise missing("site", subdomain)


def require_site(connection: Connection, subdomain: str) -> None:
    """Raise NotFoundError unless the site is there; it then cannot be removed before the transaction ends."""
    if _SITE(connection, {"subdomain": subdomain}) is None:
        raise missing("site", subdomain)


def require_free(connection: Connection, job: NewJob) -> None:
    """Raise ConflictError while an unfinished job has the unique key of a new one."""
    query = select(jobs.c.id).where(jobs.c.unique_key == job.unique_key, one_of(jobs.c.state, UNFINISHED))
    if job.unique_key and (winner := connection.execute(query).scalar()):
        raise ConflictError(f"Job {winner} is doing this ({job.unique_key}); wait for it, or cancel it.")


def new_job(request: JobRequest, known: Registry, *, time_limit: float | None = None, delay: float = 0.0) -> NewJob:
    """Validate a request against its job type; raises NotFoundError or UsageError."""
    registered = known.get(request.job_type)
    job_type = registered.job_type
    subdomain = validate_subdomain(request.subdomain)
    try:
        arguments = prepare(job_type.function, request.arguments)
    except UsageError as error:
        raise UsageError(f"{error} ({registered.origin})") from None
    return NewJob(
        job_type=request.job_type,
        subdomain=subdomain,
        arguments=arguments,
        queue=job_type.queue,
        priority=Priority(request.priority),
        max_attempts=job_type.max_attempts,
        backoff=job_type.backoff,
        time_limit=time_limit or job_type.time_limit,
        unique_key=_unique_key(job_type, request.job_type, subdomain, arguments),
        limit_key=_limit_key(job_type, request.job_type, subdomain, arguments),
        stage=request.stage,
        delay=delay,
    )


def _unique_key(job_type: JobType, name: str, subdomain: str, arguments: Mapping[str, Any]) -> str | None:
    if not job_type.unique:
        return None
    template = "{job_type}:{subdomain}" if job_type.unique is True else job_type.unique
    return _filled("unique", template, job_type, name, subdomain, arguments)


def _limit_key(job_type: JobType, name: str, subdomain: str, arguments: Mapping[str, Any]) -> str | None:
    if job_type.limit is None:
        return None
    key = _filled("limited", job_type.limit.key, job_type, name, subdomain, arguments)
    return f"{name}:{key}" if key else name


def _filled(
    what: str, template: str, job_type: JobType, name: str, subdomain: str, arguments: Mapping[str, Any]
) -> str:
    given = signature(job_type.function).defaults | dict(arguments)
    try:
        return template.format(**given | {"job_type": name, "subdomain": subdomain})
    except KeyError as missing:
        raise UsageError(f"Job type {name} is {what} by {missing}; give that argument.") from None


def parse_priority(text: str) -> Priority:
    """Return the priority that a word names; UsageError lists the words."""
    try:
        return Priority[text.upper()]
    except (KeyError, AttributeError):
        words = ", ".join(priority.name.lower() for priority in Priority)
        raise UsageError(f"Unknown priority {text!r}; use one of {words}.") from None
