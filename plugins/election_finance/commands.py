"""`clerk-tasks finance …`: what an operator asks of this plugin. Commands enqueue; workers do the work."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from clerk.errors import UsageError
from plugins.election_finance.agencies import known_agencies

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.election_finance.possible import Possibilities

app = typer.Typer(name="finance", help="California election finance from NetFile.", no_args_is_help=True)

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
    sites = "all" if every else subdomain if subdomain is not None else "next"
    _start("finance-etl", sites, wait, as_json, all_years=all_years, force=force, accept_shrink=accept_shrink)


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
    _start("finance-extract", subdomain, wait, as_json, all_years=all_years, force=force, accept_shrink=accept_shrink)


@app.command()
def transform(subdomain: Subdomain, wait: Wait = False, as_json: AsJson = False) -> None:
    """Enqueue making a new database from the files that were got."""
    _start("finance-transform", subdomain, wait, as_json)


@app.command()
def load(
    subdomain: Subdomain, accept_shrink: AcceptShrink = False, wait: Wait = False, as_json: AsJson = False
) -> None:
    """Enqueue publishing the database that was made."""
    _start("finance-load", subdomain, wait, as_json, accept_shrink=accept_shrink)


@app.command()
def agencies(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the agencies that are known, by their sites, and NetFile's shortcuts of those that use it."""
    rows = list(known_agencies().values())
    if as_json:
        typer.echo(json.dumps([asdict(agency) for agency in rows], indent=2))
        return
    for agency in rows:
        note = f"  ({agency.note})" if agency.note else ""
        typer.echo(f"{agency.shortcut or '-':<8}{agency.subdomain:<32}{agency.name}{note}")


@app.command()
def sources(subdomain: Subdomain, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show where a site's money may come from, what is loaded of it, and what to do to get the rest."""
    _start_job, possibilities = _operations()
    found = possibilities(subdomain)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
        return
    typer.echo(f"{found.subdomain}: NetFile agency {found.agency or 'unknown'}")
    for source in found.sources:
        years = f", years {', '.join(map(str, source.years))}" if source.years else ""
        had = f"{source.files} files, {source.rows:,} rows{years}" if source.files else "nothing loaded"
        typer.echo(f"\n{source.format}: {source.title} ({'fetched' if source.is_fetched else 'not fetched'}); {had}")
        typer.echo(f"  {source.action}")
    if found.missing:
        typer.echo(f"\nmissing years: {', '.join(map(str, found.missing))}")


def _operations() -> tuple[Callable[..., None], Callable[[str], Possibilities]]:
    """Return what enqueues jobs, and what finds a site's sources."""
    from plugins.election_finance import enqueueing, possible  # on demand: `--help` needs no database

    return enqueueing.start, possible.possibilities


def _start(job_type: str, sites: str, wait: bool, as_json: bool, **arguments: bool) -> None:
    """Enqueue a job type for one site, for "next" or for "all"; print the jobs, and wait for them if asked to."""
    start_job, _possibilities = _operations()
    start_job(job_type, sites, {name: True for name, is_set in arguments.items() if is_set}, wait=wait, as_json=as_json)
