"""`clerk-tasks probe`: the probes of a container."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk.errors import UsageError
from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.probe import probe_live, probe_ready


def command(
    live: Annotated[bool, typer.Option("--live", help="Whether the processes of this host should go on.")] = False,
    ready: Annotated[bool, typer.Option("--ready", help="Whether the database and the broker can be used.")] = False,
    beat: Annotated[bool, typer.Option("--beat", help="With --live: require that beat has ticked, too.")] = False,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.05, max=60, help="How long the database and the broker may take."),
    ] = 0.2,
    as_json: AsJson = False,
) -> None:
    """Answer a liveness or readiness probe in one line.

    Exit 0: yes. 1: no; with --live, a restart helps; with --ready, the broker is away and jobs are recorded. 2: no, and
    an operator has to act: the settings or the database cannot be used.
    """
    if live == ready or (beat and not live):
        raise UsageError("Give either --live, with or without --beat, or --ready.")
    found = probe_live(timeout, beat=beat) if live else probe_ready(timeout)
    value = {"probe": "live" if live else "ready"} | asdict(found) | {"level": found.level.name.lower()}
    output.answer_one(value, found.detail, as_json=as_json)
    raise typer.Exit(int(found.level))
