"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

#: Printed where a table would list sites.
NO_SITES = "No sites yet: add one with `clerk-tasks sites add`."

EveryRow = Annotated[bool, typer.Option("--every-row", help="Read completed jobs and runs too: seconds per million.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Concurrency = Annotated[int | None, typer.Option("-c", "--concurrency", min=1, help="Number of jobs at a time.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
Before = Annotated[str | None, typer.Option(metavar="ID", help="Only rows older than the row with this id.")]
Limit = Annotated[int, typer.Option(min=0, help="Maximum number of rows (0: all).")]
Site = Annotated[str, typer.Argument(metavar="SUBDOMAIN", help="The site's key, such as alameda.ca.")]
OfJobType = Annotated[str | None, typer.Option("--job-type", help="Only jobs of this type.")]
OfSite = Annotated[str | None, typer.Option("-s", "--subdomain", help="Only this site.")]
Reason = Annotated[str | None, typer.Option(help="Why; `acts` shows it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end, also of children; exit 1 if one failed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
