"""A table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: The colours of states, outcomes and levels.
COLOURS = {
    **dict.fromkeys(("completed", "ok", "enqueued", "done"), "green"),
    **dict.fromkeys(("running", "open"), "cyan"),
    **dict.fromkeys(("available", "scheduled", "waiting"), "blue"),
    **dict.fromkeys(("retryable", "attention", "lost", "handed-back", "snoozed", "missed"), "yellow"),
    **dict.fromkeys(("discarded", "failed", "down", "quarantined"), "red"),
    **dict.fromkeys(("cancelled", "nothing"), "magenta"),
}


def table(columns: Sequence[str], cells: Sequence[Sequence[str]], numbers: Sequence[bool]) -> Table:
    """Return rows of text under column headings, numbers to the right; long cells are folded."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, is_number in zip(columns, numbers, strict=True):
        made.add_column(column.replace("_", " "), overflow="fold", justify="right" if is_number else "left")
    for row in cells:
        made.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    return made


def print_rich(columns: Sequence[str], cells: Sequence[Sequence[str]], numbers: Sequence[bool]) -> None:
    """Print a table."""
    Console().print(table(columns, cells, numbers))
