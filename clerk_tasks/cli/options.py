"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from clerk_tasks.cli.mount import command_module


def completed_by(what: str) -> Callable[[str], list[tuple[str, str]]]:
    """Return what completes a word in the shell: a function of `completion`, imported when a shell asks."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = getattr(command_module("completion"), what)(incomplete)
        return found

    return complete


SITE_KEYS, JOB_IDS, RUN_IDS, QUEUE_NAMES = map(completed_by, ("sites", "jobs", "runs", "queues"))
PIPELINE_STAGES, JOB_TYPE_NAMES, JOB_IDS_OR_SITES = map(completed_by, ("stages", "job_types", "jobs_or_sites"))

#: Printed where a table would list sites.
NO_SITES = "No sites yet: add one with `clerk-tasks sites add`."

EveryRow = Annotated[bool, typer.Option("--every-row", help="Read completed jobs and runs too: seconds per million.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Concurrency = Annotated[int | None, typer.Option("-c", "--concurrency", min=1, help="Number of jobs at a time.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
Before = Annotated[str | None, typer.Option(metavar="ID", help="Only rows older than the row with this id.")]
Limit = Annotated[int, typer.Option(min=0, help="Maximum number of rows (0: all).")]
Site = Annotated[
    str, typer.Argument(metavar="SUBDOMAIN", help="The site's key, such as alameda.ca.", autocompletion=SITE_KEYS)
]
NamedJobType = Annotated[
    str, typer.Argument(help="A job type, as `clerk-tasks jobs types` lists them.", autocompletion=JOB_TYPE_NAMES)
]
NamedSite = Annotated[str, typer.Argument(help="The site's key, such as alameda.ca.", autocompletion=SITE_KEYS)]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", metavar="NAME=VALUE", help="An argument; may be repeated.")
]
OfJobType = Annotated[
    str | None, typer.Option("--job-type", help="Only jobs of this type.", autocompletion=JOB_TYPE_NAMES)
]
OfSite = Annotated[str | None, typer.Option("-s", "--subdomain", help="Only this site.", autocompletion=SITE_KEYS)]
Reason = Annotated[str | None, typer.Option(help="Why; `acts` shows it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end, also of children; exit 1 if one failed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
