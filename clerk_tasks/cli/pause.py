"""`clerk-tasks pause`: let nothing of a site, host, queue, job type or schedule begin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.pauses import pause
from clerk_tasks.operations.times import seconds_until

Kind = Annotated[str, typer.Argument(help="site, host, queue, type, schedule, or all.")]
Name = Annotated[str | None, typer.Argument(help="Its name; none for `all`.")]


def command(
    kind: Kind,
    name: Name = None,
    reason: Annotated[str, typer.Option(help="Why; shown wherever something waits for it.")] = "",
    after: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="How long: 90s, 10m, 2h, 7d.")] = None,
    at: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Until 2026-12-01T18:30, local time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pause a site, host, queue, job type, schedule or everything. What runs goes on; nothing else begins."""
    made = pause(kind, name, reason=reason, seconds=seconds_until(after, at, names=("--for", "--until")))
    output.answer_one(asdict(made), str(made), as_json=as_json)
