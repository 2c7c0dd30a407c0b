"""A screen on a terminal that shows tables, drawn again in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from clerk.visible import visible
from clerk_tasks.cli import cells, output
from clerk_tasks.cli.table import table
from clerk_tasks.cli.top_output import parts


@contextmanager
def screen(console: Console | None = None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Take the terminal for as long as the block lasts; give what draws an overview."""
    with Live(console=console or Console(), screen=True, auto_refresh=False) as live:

        def draw(found: dict[str, Any]) -> None:
            width = live.console.width - 2
            live.update(Group(*(_drawn(part, width) for part in parts(found) if part)), refresh=True)

        yield draw


def _drawn(part: str | output.Listing, width: int) -> RenderableType:
    if isinstance(part, str):
        return Text(visible(part), style="bold")
    if not part.rows:
        return Text(part.empty, style="dim")
    current = datetime.now(UTC)
    lines = [[cells.text(row.get(column), current=current) for column in part.columns] for row in part.rows]
    numbers = [cells.is_number([row.get(column) for row in part.rows]) for column in part.columns]
    return table(
        part.columns, cells.fitted(part.columns, lines, cells.columns_to_cut(part.rows, part.columns), width), numbers
    )
