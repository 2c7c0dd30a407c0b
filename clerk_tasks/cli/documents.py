"""`clerk-tasks documents`: a site's documents that are owed or withdrawn."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import jobs_output, output
from clerk_tasks.cli.options import AsJson, Site, Wait
from clerk_tasks.operations import documents

app = typer.Typer(no_args_is_help=True, help="List a site's owed and withdrawn documents; refetch or withdraw one.")

Kind = Annotated[str, typer.Argument(help="minutes or agenda.")]
Meeting = Annotated[str, typer.Argument(help="The meeting's folder, such as CityCouncil.")]
Date = Annotated[str, typer.Argument(help="The date in the file's name, such as 2026-08-03 or 2026-08-03.2.")]
Every = Annotated[bool, typer.Option("--all", help="Also list documents that were read or wait to be read.")]


@app.command("list")
def list_(subdomain: Site, every: Every = False, as_json: AsJson = False) -> None:
    """List documents that were not downloaded or not read, and those that the city no longer lists."""
    found = documents.list_documents(subdomain, every=every)
    columns = ("kind", "meeting", "date", "title", "state", "reason")
    output.answer(found, columns, as_json=as_json, empty="No document is owed or withdrawn.")


@app.command()
def refetch(
    subdomain: Site, kind: Kind, meeting: Meeting, date: Date, wait: Wait = False, as_json: AsJson = False
) -> None:
    """Download a document again, and read it, even if it is there or was taken down."""
    enqueued = documents.refetch(subdomain, (kind, meeting, date))
    jobs_output.finish(enqueued.job_ids, wait=wait, as_json=as_json)


@app.command()
def withdraw(
    subdomain: Site, kind: Kind, meeting: Meeting, date: Date, wait: Wait = False, as_json: AsJson = False
) -> None:
    """Take a document down: remove its files, publish the site without it, and do not fetch it again."""
    enqueued = documents.withdraw(subdomain, (kind, meeting, date))
    jobs_output.finish(enqueued.job_ids, wait=wait, as_json=as_json)
