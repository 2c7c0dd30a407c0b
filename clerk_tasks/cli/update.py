"""`clerk-tasks update`: bring a site up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.jobs_output import finish
from clerk_tasks.cli.options import PIPELINE_STAGES, SITE_KEYS, AsJson, Wait
from clerk_tasks.operations.listing import job_states
from clerk_tasks.operations.updates import Update

FirstStage = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="STAGE",
        help="Begin at this stage: fetch, ocr, compilation, deploy.",
        autocompletion=PIPELINE_STAGES,
    ),
]


def command(
    subdomain: Annotated[
        str | None, typer.Option("-s", "--subdomain", help="The site to update.", autocompletion=SITE_KEYS)
    ] = None,
    next_site: Annotated[bool, typer.Option("-n", "--next-site", help="The site updated longest ago.")] = False,
    all_sites: Annotated[
        bool, typer.Option("--all", help="Every site with a fetcher, or with election finance.")
    ] = False,
    state: Annotated[str | None, typer.Option(help="With --all: only sites of this state, such as CA.")] = None,
    stale: Annotated[
        str | None, typer.Option(metavar="DURATION", help="With --all: only sites last updated longer ago, as 7d.")
    ] = None,
    finance: Annotated[bool, typer.Option("--finance", help="Update its election finance, not its meetings.")] = False,
    all_years: Annotated[bool, typer.Option("-a", "--all-years", help="Fetch from the site's first year on.")] = False,
    all_agendas: Annotated[bool, typer.Option("--all-agendas", help="Fetch the agendas of every meeting.")] = False,
    start_date: Annotated[
        str | None, typer.Option("--start-date", metavar="DAY", help="Fetch from this day on, as 2024-01-31.")
    ] = None,
    end_date: Annotated[str | None, typer.Option("--end-date", metavar="DAY", help="Fetch until this day.")] = None,
    owed: Annotated[
        bool,
        typer.Option("--owed", help="Ask at once for what is owed; without --subdomain, for every site that owes."),
    ] = False,
    skip_fetch: Annotated[
        bool, typer.Option("--skip-fetch", help="Use the documents that are there; the same as --from ocr.")
    ] = False,
    start: FirstStage = None,
    accept_shrink: Annotated[
        bool,
        typer.Option("--accept-shrink", help="With --from deploy or --finance: publish even a much smaller result."),
    ] = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Bring a site up to date: its meetings, or with --finance its election finance."""
    asked = Update(
        subdomain=subdomain,
        next_site=next_site,
        all_sites=all_sites,
        state=state,
        stale=stale,
        finance=finance,
        all_years=all_years,
        all_agendas=all_agendas,
        start_date=start_date,
        end_date=end_date,
        owed=owed,
        skip_fetch=skip_fetch,
        start=start,
        accept_shrink=accept_shrink,
    )
    enqueued = asked.enqueue()
    if enqueued.job_ids:
        for job in job_states(enqueued.job_ids) if finance else ():
            output.note(f"Enqueued finance ETL for {job['subdomain']}")
        finish(enqueued.job_ids, wait=wait, as_json=as_json, as_list=all_sites)
    else:
        output.note("Nothing to do: no site is due.")
        output.answer_one([] if all_sites else None, as_json=as_json)
