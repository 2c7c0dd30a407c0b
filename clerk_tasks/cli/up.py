"""`clerk-tasks up`: the whole system in one terminal."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    concurrency: Annotated[int | None, typer.Option("-c", "--concurrency", min=1, help="Jobs at a time.")] = None,
) -> None:
    """Run workers for every pool, and beat, until interrupted; one that dies is started again."""
    from clerk_tasks import supervisor

    raise typer.Exit(supervisor.run(supervisor.plan(concurrency)))
