"""`clerk-tasks sites`: the municipalities worked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from clerk.errors import ClerkError, NotFoundError, UsageError
from clerk.fetching.detect import detect as find
from clerk.fetching.fetcher_factory import fetcher_class
from clerk.sites import bulk
from clerk.sites.admin import NewSite, add_site, list_sites, remove_site, show_site
from clerk_tasks.cli import output
from clerk_tasks.cli.options import NO_SITES, AsJson, DryRun, Site, Yes
from clerk_tasks.operations.recordings import record_site, replay_site
from clerk_tasks.operations.webhooks import list_silent

app = typer.Typer(
    no_args_is_help=True, help="Add, list, show, edit, remove, import, export and record sites; list silent ones."
)

COLUMNS = ("subdomain", "name", "state", "kind", "scraper", "status", "pages", "last_updated", "has_finance_data")


_NAME, _STATE = typer.Option(help="The name that people use."), typer.Option(help="State or province, such as CA.")
_KIND, _COUNTRY = typer.Option(help="city, county, school-board …"), typer.Option(help="Country code.")
Scraper = Annotated[str | None, typer.Option(help="Scraper label: which fetcher gets its meetings.")]
StartYear = Annotated[int | None, typer.Option(min=1800, max=2200, help="First year to fetch.")]
Latitude = Annotated[float | None, typer.Option(min=-90, max=90, help="Latitude, in degrees.")]
Longitude = Annotated[float | None, typer.Option(min=-180, max=180, help="Longitude, in degrees.")]
Extra = Annotated[str | None, typer.Option(metavar="JSON", help="Settings for its plugins: a JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Accept a scraper label that no plugin knows yet.")]


@app.command()
def add(
    subdomain: Site,
    name: Annotated[str, _NAME],
    state: Annotated[str, _STATE],
    kind: Annotated[str, _KIND] = "city",
    country: Annotated[str, _COUNTRY] = "US",
    scraper: Scraper = None,
    start_year: StartYear = None,
    lat: Latitude = None,
    lng: Longitude = None,
    finance: Annotated[bool, typer.Option("--finance", help="The site has election-finance data.")] = False,
    extra: Extra = None,
    force: Force = False,
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


@app.command()
def edit(
    subdomain: Site,
    name: Annotated[str | None, _NAME] = None,
    state: Annotated[str | None, _STATE] = None,
    kind: Annotated[str | None, _KIND] = None,
    country: Annotated[str | None, _COUNTRY] = None,
    scraper: Scraper = None,
    start_year: StartYear = None,
    lat: Latitude = None,
    lng: Longitude = None,
    finance: Annotated[bool | None, typer.Option("--finance/--no-finance", help="It has election finance.")] = None,
    extra: Extra = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Change what is said of a site; what no option names stays as it is."""
    if scraper and not force:
        _require_fetcher(subdomain, scraper)
    given = {
        "name": name,
        "state": state,
        "kind": kind,
        "country": country,
        "scraper": scraper,
        "start_year": start_year,
        "lat": lat,
        "lng": lng,
        "has_finance_data": finance,
        "extra": None if extra is None else _object(extra),
    }
    site = bulk.edit_site(subdomain, {column: value for column, value in given.items() if value is not None})
    output.answer_one(site, f"Changed {subdomain}.", as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A *.csv with a header, or a *.json array, as `sites export` makes it.")],
    dry_run: DryRun = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add the sites of a file, and change those that are there; all or none. Other sites stay."""
    checked = {} if force else {"check_scraper": _require_fetcher}
    done = bulk.import_sites(bulk.read_sites(file), dry_run=dry_run, **checked)
    would = "would be " if dry_run else ""
    lines = [
        f"{len(names)} sites {would if what != 'unchanged' else ''}{what}" for what, names in done.items() if names
    ]
    output.answer_one(done, *lines or ["The file names no site."], as_json=as_json)


@app.command()
def export(
    as_format: Annotated[str, typer.Option("--format", help="csv or json.")] = "csv", as_json: AsJson = False
) -> None:
    """Print what is said of every site, for `sites import`."""
    sites = bulk.export_sites()
    if as_format not in bulk.FORMATS:
        raise UsageError(f"Unknown format {as_format!r}; use csv or json.")
    output.answer_one(sites, *bulk.as_csv(sites).splitlines(), as_json=as_json or as_format == "json")


def _require_fetcher(subdomain: str, scraper: str) -> None:
    try:
        fetcher_class({"subdomain": subdomain, "scraper": scraper})
    except NotFoundError as error:
        raise UsageError(
            f"{error}; correct the scraper label, or add --force if its plugin is installed later"
        ) from None


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every site."""
    output.answer(list_sites(), COLUMNS, as_json=as_json, empty=NO_SITES)


@app.command()
def silent(as_json: AsJson = False) -> None:
    """List the sites that were looked at and had nothing new for longer than is usual for them."""
    columns = ("subdomain", "last_new", "looked_at", "usual_days", "longest_days", "silent_days")
    output.answer(list_silent(), columns, as_json=as_json, empty="No source is silent.")


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


@app.command()
def record(
    subdomain: Site,
    folder: Annotated[Path, typer.Option("--dir", help="Where the recording goes: DIR/SUBDOMAIN.yaml.")] = Path(
        "tests/recordings"
    ),
    since: Annotated[str | None, typer.Option(help="First day of the meetings; 60 days ago by default.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day of the meetings.")] = None,
    bodies: Annotated[bool, typer.Option("--bodies", help="Keep PDFs as they are, not as stubs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch a site into a temporary folder and keep the replies, without secrets, for tests that replay them."""
    done = record_site(subdomain, folder, since=since, until=until, bodies=bodies)
    output.answer_one(done, f"Recorded {done['replies']} replies in {done['path']}.", as_json=as_json)


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="A file that `sites record` made.")], as_json: AsJson = False
) -> None:
    """Fetch from a recording into a temporary folder, without a network; exit 1 if it lacks a reply."""
    try:
        done = replay_site(recording)
    except AssertionError as error:
        raise ClerkError(str(error)) from error
    output.answer_one(done, f"Fetched from {done['replies']} replies: {done['documents']}.", as_json=as_json)


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
