"""`clerk-tasks publish …`: what operators do with published databases; here and now, in this machine's folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from plugins.local_publish.shelf import Shelf, Version

app = typer.Typer(
    name="publish", help="The databases that Datasette serves, and their last versions.", no_args_is_help=True
)

Subdomain = Annotated[str, typer.Argument(help="The site, such as oakland.ca.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(subdomain: Subdomain, as_json: AsJson = False) -> None:
    """List the versions that are kept of a site's databases, newest first; an asterisk is what readers see."""
    from plugins.local_publish.deploy import shelves

    rows = [row for shelf in shelves(subdomain) for row in _rows(shelf)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        mark = "*" if row["live"] else " "
        typer.echo(
            f"{mark} {row['version']}  {row['database']}  {row['published_at'] or '-'}  "
            f"{row['rows'] if row['rows'] is not None else '-'} rows  run {row['run_id'] or '-'}"
        )
    if not rows:
        typer.echo(f"nothing is published of {subdomain}", err=True)


@app.command()
def now(
    subdomain: Subdomain,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Publish even what is empty or suspiciously small.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish what was compiled for a site, and the list of sites."""
    from clerk.database.engine import reading
    from clerk.publication import accepting_shrink
    from clerk.sites.rows import require_site
    from plugins.local_publish.deploy import publish_site, publish_sites, site_folder

    site_folder(subdomain)
    with reading() as connection:
        require_site(connection, subdomain)
    with accepting_shrink(accept_shrink):
        reports = publish_site(subdomain)
        publish_sites()
    rows = [
        {"database": r.database, "outcome": r.outcome.value, "version": r.version.name if r.version else None}
        for r in reports
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['database']}: {row['outcome']}" + (f", {row['version']}" if row["version"] else ""))


@app.command()
def rollback(
    subdomain: Subdomain,
    to: Annotated[str | None, typer.Option("--to", help="This version; by default the one before.")] = None,
    database: Annotated[
        str, typer.Option("--database", help="Which of the site's databases: meetings or election_finance.")
    ] = "meetings",
    as_json: AsJson = False,
) -> None:
    """Publish an older version again; what was rolled back stays so until something else is compiled."""
    from plugins.local_publish.deploy import site_folder
    from plugins.local_publish.shelf import locked

    shelf = _shelf(subdomain, database)
    with locked(site_folder(subdomain)):
        version = shelf.roll_back(to)
    if as_json:
        typer.echo(json.dumps(_row(shelf, version, live=True), indent=2))
    else:
        typer.echo(f"{subdomain} {shelf.name}: readers see {version.name} again")


def _shelf(subdomain: str, database: str) -> Shelf:
    from clerk.errors import UsageError
    from plugins.local_publish.deploy import shelves

    known = {shelf.live.stem: shelf for shelf in shelves(subdomain)}
    if database not in known:
        raise UsageError(f"unknown database {database!r}: it is {' or '.join(known)}")
    return known[database]


def _rows(shelf: Shelf) -> list[dict[str, Any]]:
    current = shelf.current()
    return [_row(shelf, version, live=version == current) for version in reversed(shelf.versions())]


def _row(shelf: Shelf, version: Version, *, live: bool) -> dict[str, Any]:
    from clerk.publication import provenance

    known = provenance(version.path)
    return {
        "version": version.name,
        "database": shelf.name,
        "live": live,
        "published_at": known.stamped_at.isoformat() if known else None,
        "rows": known.total if known else None,
        "run_id": known.run_id if known else None,
        "content_hash": known.content_hash if known else None,
    }
