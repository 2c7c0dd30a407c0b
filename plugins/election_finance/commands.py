"""`clerk-tasks finance …`: what an operator asks of this plugin. Commands enqueue; workers do the work."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from clerk.errors import ClerkError, ConflictError, NotFoundError, UsageError

app = typer.Typer(name="finance", help="California election finance from NetFile.", no_args_is_help=True)

#: How often to look for another site when somebody else took the one that we saw.
_TURNS = 100

Subdomain = Annotated[str, typer.Argument(help="The site, such as oakland.ca.")]
AllYears = Annotated[bool, typer.Option("--all-years", help="Go back beyond the site's start year.")]
Force = Annotated[bool, typer.Option("--force", help="Load input that has not changed, too.")]
AcceptShrink = Annotated[bool, typer.Option("--accept-shrink", help="Accept even what is suspiciously small.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; exit 1 unless every job completed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the jobs as JSON.")]


@app.command()
def etl(
    every: Annotated[bool, typer.Option("--all", help="Every site with finance data.")] = False,
    subdomain: Annotated[str | None, typer.Option("--subdomain", "-s", help="This site.")] = None,
    next_site: Annotated[bool, typer.Option("--next-site", "-n", help="The site tried longest ago.")] = False,
    all_years: AllYears = False,
    force: Force = False,
    accept_shrink: AcceptShrink = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Enqueue the whole way for sites: get the files, make the database, publish it."""
    if [every, subdomain is not None, next_site].count(True) != 1:
        raise UsageError("Say for which sites: one of --all, --subdomain SUBDOMAIN, --next-site.")
    given = _given(all_years=all_years, force=force, accept_shrink=accept_shrink)
    if every:
        job_ids = _enqueue_all(given)
    elif subdomain is not None:
        job_ids = [_enqueue("finance-etl", subdomain, given)]
    else:
        job_ids = _enqueue_next(given)
    _finish(job_ids, wait, as_json)


@app.command()
def extract(
    subdomain: Subdomain,
    all_years: AllYears = False,
    force: Force = False,
    accept_shrink: AcceptShrink = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Enqueue getting a site's yearly files."""
    given = _given(all_years=all_years, force=force, accept_shrink=accept_shrink)
    _finish([_enqueue("finance-extract", subdomain, given)], wait, as_json)


@app.command()
def transform(subdomain: Subdomain, wait: Wait = False, as_json: AsJson = False) -> None:
    """Enqueue making a new database from the files that were got."""
    _finish([_enqueue("finance-transform", subdomain, {})], wait, as_json)


@app.command()
def load(
    subdomain: Subdomain, accept_shrink: AcceptShrink = False, wait: Wait = False, as_json: AsJson = False
) -> None:
    """Enqueue publishing the database that was made."""
    _finish([_enqueue("finance-load", subdomain, _given(accept_shrink=accept_shrink))], wait, as_json)


@app.command()
def agencies(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the NetFile agencies that are known, and the sites that they are."""
    from dataclasses import asdict

    from plugins.election_finance.agencies import known_agencies

    rows = list(known_agencies().values())
    if as_json:
        typer.echo(json.dumps([asdict(agency) for agency in rows], indent=2))
        return
    for agency in rows:
        note = f"  ({agency.note})" if agency.note else ""
        typer.echo(f"{agency.shortcut:<8}{agency.subdomain:<32}{agency.name}{note}")


def _given(**arguments: bool) -> dict[str, bool]:
    return {name: True for name, is_set in arguments.items() if is_set}


def _enqueue_all(arguments: Mapping[str, Any]) -> list[str]:
    """Enqueue every site with finance data; one that cannot be done, or is being done, is skipped with the reason."""
    from clerk.finance_db import get_sites_with_finance_data

    job_ids = []
    for site in get_sites_with_finance_data():
        try:
            job_ids.append(_enqueue("finance-etl", site["subdomain"], arguments))
        except (ConflictError, NotFoundError, UsageError) as reason:
            typer.echo(f"skipped {site['subdomain']}: {reason}", err=True)
    if not job_ids:
        typer.echo("nothing was enqueued", err=True)
    return job_ids


def _enqueue_next(arguments: Mapping[str, Any]) -> list[str]:
    """Enqueue the site whose turn it is; if somebody else takes it first, the one after it.

    A site that cannot be done is enqueued too, as the schedule does: its dead letter says why, and its turn is over.
    """
    from clerk.finance_db import get_next_finance_site

    for _ in range(_TURNS):
        site = get_next_finance_site()
        if site is None:
            break
        with suppress(ConflictError):  # taken since we looked
            return [_record("finance-etl", site["subdomain"], arguments)]
    typer.echo("no site with finance data is waiting for its turn", err=True)
    return []


def _enqueue(job_type: str, subdomain: str, arguments: Mapping[str, Any]) -> str:
    from clerk.paths import validate_subdomain
    from plugins.election_finance.site_paths import find_place

    if reason := find_place(validate_subdomain(subdomain)).why_not():
        raise NotFoundError(reason)
    return _record(job_type, subdomain, arguments)


def _record(job_type: str, subdomain: str, arguments: Mapping[str, Any]) -> str:
    from clerk.queue import enqueue_job

    return enqueue_job(job_type, subdomain, **arguments)


def _finish(job_ids: Sequence[str], wait: bool, as_json: bool) -> None:
    """Print the jobs that were enqueued; if that is wanted, follow them to their end."""
    from clerk.queue import job_states, succeeded, wait_for

    jobs = job_states(job_ids)
    if not as_json:
        for job in jobs:
            typer.echo(f"enqueued {job['job_type']} for {job['subdomain']}: job {job['id']}")
    if wait and jobs:
        jobs = wait_for(job_ids, lambda line: typer.echo(line, err=True))
    if as_json:
        typer.echo(json.dumps(jobs, indent=2))
    if wait and not succeeded(jobs):
        failed = [job["id"] for job in jobs if job["state"] != "completed"]
        raise ClerkError(f"{len(failed)} of the jobs did not complete; `clerk-tasks jobs show {failed[0]}` says why")
