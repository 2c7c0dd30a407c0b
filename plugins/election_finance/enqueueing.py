"""Enqueue finance jobs for the sites that an operator names, print them, and wait for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import typer

from clerk.errors import ClerkError, ConflictError, NotFoundError, UsageError
from clerk.finance_db import get_next_finance_site, get_sites_with_finance_data
from clerk.paths import validate_subdomain
from clerk.queue import enqueue_job, job_states, succeeded, wait_for
from clerk.visible import visible
from plugins.election_finance.site_paths import find_finance_site

#: How often to look for another site after losing one to another caller.
_TURNS = 100


def start(job_type: str, sites: str, arguments: Mapping[str, Any], *, wait: bool, as_json: bool) -> None:
    """Enqueue a job type for one site, for "next" or for "all"; print the jobs, and wait for them if asked to."""
    if sites == "all":
        job_ids = _all(arguments)
    elif sites == "next":
        job_ids = _next(arguments)
    else:
        job_ids = [_one(job_type, sites, arguments)]
    _finish(job_ids, wait, as_json)


def _all(arguments: Mapping[str, Any]) -> list[str]:
    """Enqueue every site with finance data; one that cannot be done, or is being done, is skipped with the reason."""
    job_ids = []
    for site in get_sites_with_finance_data():
        try:
            job_ids.append(_one("finance-etl", site["subdomain"], arguments))
        except (ConflictError, NotFoundError, UsageError) as reason:
            typer.echo(visible(f"skipped {site['subdomain']}: {reason}"), err=True)
    if not job_ids:
        typer.echo("nothing was enqueued", err=True)
    return job_ids


def _next(arguments: Mapping[str, Any]) -> list[str]:
    """Enqueue the site whose turn it is; if it is taken first, the one after it.

    A site that cannot be done is enqueued too, as the schedule does: its dead letter says why, and its turn is over.
    """
    for _ in range(_TURNS):
        site = get_next_finance_site()
        if site is None:
            break
        with suppress(ConflictError):  # taken since we looked
            return [enqueue_job("finance-etl", site["subdomain"], **arguments)]
    typer.echo("no site with finance data is waiting for its turn", err=True)
    return []


def _one(job_type: str, subdomain: str, arguments: Mapping[str, Any]) -> str:
    if reason := find_finance_site(validate_subdomain(subdomain)).why_not():
        raise NotFoundError(reason)
    return enqueue_job(job_type, subdomain, **arguments)


def _finish(job_ids: Sequence[str], wait: bool, as_json: bool) -> None:
    """Print the jobs that were enqueued; if that is wanted, follow them to their end."""
    jobs = job_states(job_ids)
    if not as_json:
        for job in jobs:
            typer.echo(f"enqueued {job['job_type']} for {job['subdomain']}: job {job['id']}")
    if wait and jobs:
        jobs = wait_for(job_ids, lambda line: typer.echo(visible(line), err=True))
    if as_json:
        typer.echo(json.dumps(jobs, indent=2))
    if wait and not succeeded(jobs):
        failed = [job["id"] for job in jobs if job["state"] != "completed"]
        raise ClerkError(f"{len(failed)} of the jobs did not complete; `clerk-tasks jobs show {failed[0]}` says why")
