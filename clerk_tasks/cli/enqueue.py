"""`clerk-tasks enqueue`: record a job to run soon."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk.jobs import JobRequest
from clerk_tasks import dispatcher
from clerk_tasks.cli.flags import Flags, takes_flags, typed_arguments
from clerk_tasks.cli.jobs_output import finish
from clerk_tasks.cli.options import RUN_IDS, Arguments, AsJson, NamedJobType, NamedSite, Wait
from clerk_tasks.job_types.registry import registry
from clerk_tasks.operations.times import seconds_until
from clerk_tasks.recording import parse_priority


def command(
    job_type: NamedJobType,
    subdomain: NamedSite,
    flags: Flags,
    priority: Annotated[str, typer.Option(help="high, normal or low.")] = "normal",
    run_id: Annotated[
        str | None, typer.Option(help="Add the job to this run (default: a new one).", autocompletion=RUN_IDS)
    ] = None,
    arg: Arguments = None,
    after: Annotated[
        str | None, typer.Option("--in", metavar="DURATION", help="Run it later: in 90s, 10m, 2h.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Run it later: 2026-12-01T18:30, local time.")] = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Record a job to run soon, or at a later time; print its id.

    Each argument of the job type is an option too: `clerk-tasks enqueue JOB_TYPE --help` lists them.
    """
    registry().get(job_type)
    delay = seconds_until(after, at, names=("--in", "--at")) or 0.0
    arguments = typed_arguments(job_type, arg or (), flags)
    request = JobRequest(job_type, subdomain, arguments, priority=parse_priority(priority))
    enqueued = dispatcher.enqueue(request, run_id=run_id, joins=True, delay=delay, always_publish=True)
    finish(enqueued.job_ids, wait=wait, as_json=as_json)


command_class = takes_flags(command)
