"""`clerk-tasks sites`: the municipalities worked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from clerk.errors import UsageError
from clerk.fetching.detect import detect as find
from clerk.sites.admin import NewSite, add_site, list_sites, remove_site, show_site
from clerk_tasks.cli import output

app = typer.Typer(no_args_is_help=True, help="Add, list, show and remove sites.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Subdomain = Annotated[str, typer.Argument(help="The site's key, such as alameda.ca.")]

COLUMNS = ("subdomain", "name", "state", "kind", "scraper", "status", "pages", "last_updated", "has_finance_data")


@app.command()
def add(
    subdomain: Subdomain,
    name: Annotated[str, typer.Option(help="What people call it.")],
    state: Annotated[str, typer.Option(help="State or province, such as CA.")],
    kind: Annotated[str, typer.Option(help="city, county, school-board …")] = "city",
    country: Annotated[str, typer.Option(help="Country code.")] = "US",
    scraper: Annotated[str | None, typer.Option(help="Label of the fetcher of its meetings.")] = None,
    start_year: Annotated[int | None, typer.Option(min=1800, max=2200, help="First year of interest.")] = None,
    lat: Annotated[float | None, typer.Option(min=-90, max=90, help="Latitude, in degrees.")] = None,
    lng: Annotated[float | None, typer.Option(min=-180, max=180, help="Longitude, in degrees.")] = None,
    finance: Annotated[bool, typer.Option("--finance", help="It has election-finance data.")] = False,
    extra: Annotated[str | None, typer.Option(metavar="JSON", help="Settings of its plugins, a JSON object.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a site and tell the plugins; without --extra they are asked for it, by scraper label."""
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
    if as_json:
        output.print_json(site)
    else:
        output.print_line(f"Added {subdomain}.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every site."""
    sites = list_sites()
    if as_json:
        output.print_json(sites)
    else:
        output.print_table(sites, COLUMNS, empty="No sites yet: add one with `clerk-tasks sites add`.")


@app.command()
def show(subdomain: Subdomain, as_json: AsJson = False) -> None:
    """Show everything that is recorded of a site itself."""
    site = show_site(subdomain)
    if as_json:
        output.print_json(site)
    else:
        known = [{"column": name, "value": value} for name, value in site.items() if value is not None]
        output.print_table(known, ("column", "value"))


@app.command()
def remove(
    subdomain: Subdomain,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a site from the database; its files, runs and jobs stay."""
    if not dry_run:
        remove_site(subdomain, dry_run=True)  # an error comes before the question
        output.confirm(f"Remove {subdomain} from the database?", yes=yes)
    site = remove_site(subdomain, dry_run=dry_run)
    if as_json:
        output.print_json({"removed": not dry_run, "site": site})
    else:
        output.print_line(f"{'Would remove' if dry_run else 'Removed'} {subdomain} ({site['name']}); its files stay.")


@app.command()
def detect(
    url: Annotated[str, typer.Argument(help="The page where the city lists its meetings or agendas.")],
    as_json: AsJson = False,
) -> None:
    """Say which system a city's site runs, and the scraper label and extra for it; exit 3 if it is unknown."""
    found = find(url)
    if as_json:
        output.print_json(found.as_dict())
        return
    output.print_line(f"system   {found.system} ({found.evidence})")
    output.print_line(f"scraper  {found.label or 'no fetcher for it is installed'}")
    output.print_line(f"extra    {json.dumps(dict(found.extra))}")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise UsageError(f"--extra is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f'--extra must be a JSON object, such as {{"netfile_agency": "COAK"}}, not {text[:80]}')
    return value
