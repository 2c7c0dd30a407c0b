"""`clerk-tasks sites`: the municipalities worked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from clerk.errors import NotFoundError, UsageError
from clerk.fetching.detect import detect as find
from clerk.fetching.fetcher_factory import fetcher_class
from clerk.sites.admin import NewSite, add_site, list_sites, remove_site, show_site
from clerk_tasks.cli import output
from clerk_tasks.cli.options import NO_SITES, AsJson, DryRun, Site, Yes

app = typer.Typer(no_args_is_help=True, help="Add, list, show and remove sites.")

COLUMNS = ("subdomain", "name", "state", "kind", "scraper", "status", "pages", "last_updated", "has_finance_data")


@app.command()
def add(
    subdomain: Site,
    name: Annotated[str, typer.Option(help="The name that people use.")],
    state: Annotated[str, typer.Option(help="State or province, such as CA.")],
    kind: Annotated[str, typer.Option(help="city, county, school-board …")] = "city",
    country: Annotated[str, typer.Option(help="Country code.")] = "US",
    scraper: Annotated[str | None, typer.Option(help="Scraper label: which fetcher gets its meetings.")] = None,
    start_year: Annotated[int | None, typer.Option(min=1800, max=2200, help="First year to fetch.")] = None,
    lat: Annotated[float | None, typer.Option(min=-90, max=90, help="Latitude, in degrees.")] = None,
    lng: Annotated[float | None, typer.Option(min=-180, max=180, help="Longitude, in degrees.")] = None,
    finance: Annotated[bool, typer.Option("--finance", help="The site has election-finance data.")] = False,
    extra: Annotated[str | None, typer.Option(metavar="JSON", help="Settings for its plugins: a JSON object.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Accept a scraper label that no plugin knows yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a site. Without --extra the plugins supply it, by scraper label."""
    if scraper and not force:
        _require_fetcher(subdomain, scraper)
    site = add_site(
        NewSite(
            subdomain=subdomain,
            name=name,
            state=state,
            kind=kind,
            country=country,
            scraper=scraper,
            start_year=start_year,
            lat=lat,
            lng=lng,
            has_finance_data=finance,
            extra=None if extra is None else _object(extra),
        )
    )
    output.answer_one(site, f"Added {subdomain}.", as_json=as_json)


def _require_fetcher(subdomain: str, scraper: str) -> None:
    try:
        fetcher_class({"subdomain": subdomain, "scraper": scraper})
    except NotFoundError as error:
        raise UsageError(f"{error}; correct --scraper, or add --force if its plugin is installed later") from None


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every site."""
    output.answer(list_sites(), COLUMNS, as_json=as_json, empty=NO_SITES)


@app.command()
def show(subdomain: Site, as_json: AsJson = False) -> None:
    """Show every recorded column of a site."""
    site = show_site(subdomain)
    output.answer_one(site, output.fields(site), as_json=as_json)


@app.command()
def remove(
    subdomain: Site,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove a site from the database; its files, runs and jobs stay."""
    if not dry_run:
        remove_site(subdomain, dry_run=True)  # an error comes before the question
        output.confirm(f"Remove {subdomain} from the database?", yes=yes)
    site = remove_site(subdomain, dry_run=dry_run)
    done = "Would remove" if dry_run else "Removed"
    line = f"{done} {subdomain} ({site['name']}); its files stay."
    output.answer_one({"removed": not dry_run, "site": site}, line, as_json=as_json)


@app.command()
def detect(
    url: Annotated[str, typer.Argument(help="The page where the city lists its meetings or agendas.")],
    as_json: AsJson = False,
) -> None:
    """Detect the system of a city's website; print its scraper label and extra. Exit 3 if it is unknown."""
    found = find(url)
    output.answer_one(
        found.as_dict(),
        f"system   {found.system} ({found.evidence})",
        f"scraper  {found.label or 'no fetcher for it is installed'}",
        f"extra    {json.dumps(dict(found.extra))}",
        as_json=as_json,
    )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise UsageError(f"--extra is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f'--extra must be a JSON object, such as {{"netfile_agency": "COAK"}}, not {text[:80]}')
    return value
