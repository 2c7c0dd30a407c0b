"""`clerk-tasks top`: what the system does now, on a screen that is drawn again and again."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.cli.top_output import parts
from clerk_tasks.operations.overview import overview


def command(
    interval: Annotated[float, typer.Option(min=0, max=3600, help="Seconds from one look to the next.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one screen, after two looks, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show queues and rates, workers and what each does, runs and failures by cause, until Ctrl-C.

    A rate counts the jobs that have ended between two looks. Off a terminal it prints one screen; with --interval 0
    that is one look, without rates.
    """
    if once or as_json or sys.stdout is None or not sys.stdout.isatty():
        found = _second_look(interval)
        output.answer_one(found, *(() if as_json else parts(found)), as_json=as_json)
        return
    from clerk_tasks.cli.screen import screen  # rich takes a third of a second, and only a terminal needs it

    sample = None
    with screen() as draw:
        while True:
            found, sample = overview(sample)
            draw(found)
            time.sleep(max(interval, 0.2))


def _second_look(interval: float) -> dict[str, Any]:
    found, sample = overview()
    if interval:
        time.sleep(interval)
        found, _ = overview(sample)
    return found
