"""`clerk-tasks why`: explain why a job, or a site's work, has not run or did not finish."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import JOB_IDS_OR_SITES, AsJson
from clerk_tasks.operations.short_ids import full_job_id
from clerk_tasks.operations.why import explain


def command(
    what: Annotated[
        str,
        typer.Argument(
            metavar="JOB|SUBDOMAIN", help="A job's id or its beginning, or a site.", autocompletion=JOB_IDS_OR_SITES
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Explain why a job, or the work of a site, has not run or did not finish."""
    lines = explain(full_job_id(what))
    output.answer_one(lines, *lines, as_json=as_json)
