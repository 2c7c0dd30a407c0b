"""`clerk-tasks publish …`: what operators do with published databases; here and now, in this machine's folder."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from clerk.visible import visible

app = typer.Typer(
    name="publish", help="The databases that Datasette serves, and their last versions.", no_args_is_help=True
)

Subdomain = Annotated[str, typer.Argument(help="The site, such as oakland.ca.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    subdomain: Annotated[str | None, typer.Argument(help="The site, such as oakland.ca (default: all).")] = None,
    as_json: AsJson = False,
) -> None:
    """List the versions that are kept of a site's databases, newest first; an asterisk is what readers see."""
    versions = load_acts()
    rows = versions.kept(subdomain) if subdomain else versions.kept_of_all()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        mark, whose = "*" if row["live"] else " ", "" if subdomain else f"{row['subdomain']}  "
        line = (
            f"{mark} {whose}{row['version']}  {row['database']}  {row['published_at'] or '-'}  "
            f"{row['rows'] if row['rows'] is not None else '-'} rows  run {row['run_id'] or '-'}"
        )
        typer.echo(visible(line))
    if not rows:
        typer.echo(f"nothing is published{f' of {subdomain}' if subdomain else ''}", err=True)


@app.command()
def now(
    subdomain: Subdomain,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Publish even what is empty or suspiciously small.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish what was compiled for a site, and the list of sites."""
    rows = load_acts().publish_now(subdomain, accept_shrink=accept_shrink)
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
        str | None,
        typer.Option(
            "--database", help="meetings or election_finance; by default meetings, or the only one that the site has."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; `acts` shows it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish an older version again; what was rolled back stays so until something else is compiled."""
    row = load_acts().roll_back(subdomain, database, to, reason=reason)
    if as_json:
        typer.echo(json.dumps(row, indent=2))
    else:
        typer.echo(f"{subdomain} {row['database']}: readers see {row['version']} again")


@app.command()
def index(as_json: AsJson = False) -> None:
    """Bring the search index and Datasette's configuration up to date with every published database."""
    names = load_acts().index_everything()
    if as_json:
        typer.echo(json.dumps(names, indent=2))
        return
    for name in names:
        typer.echo(visible(name))


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0: a free one.")] = 8001,
) -> None:
    """Serve the published databases, with the pages for readers, until it is stopped; needs Datasette."""
    load_acts().serve_readers(host, port, lambda address: typer.echo(f"serving {address}"))


def load_acts() -> Any:
    """Return the module `acts`, which needs a database."""
    from plugins.local_publish import acts  # on demand: `--help` needs no database

    return acts
