"""A bar on a terminal: how far the jobs are that a command waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from clerk.visible import visible
from clerk_tasks.waiting import WaitProgress


@contextmanager
def bar(console: Console | None = None) -> Iterator[Callable[[WaitProgress], None]]:
    """Show a bar on stderr for as long as the block lasts; give what moves it."""
    columns = (
        BarColumn(20),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}", markup=False),
    )
    # It has gone by the time the answer is printed.
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(look: WaitProgress) -> None:
            said = visible(look.doing.removeprefix(": ").removeprefix(", "))
            progress.update(task, completed=look.ended, total=look.total, description=said)

        yield show
