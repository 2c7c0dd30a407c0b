"""Prints answers on stdout, and everything else on stderr."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import typer

from clerk.errors import ClerkError, UsageError
from clerk.visible import visible, visible_json, visible_lines
from clerk_tasks.cli import cells
from clerk_tasks.operations.wording import plain

#: The exit code of what Ctrl-C has ended.
INTERRUPTED = 130

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Silence `note` for the rest of this process."""
    global _quiet
    _quiet = quiet


def print_json(value: Any) -> None:
    """Print one JSON document; times in ISO 8601."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _print(visible_json(value, indent=2, default=plain, encoding=encoding))


def print_json_line(value: Any) -> None:
    """Print one JSON document in one line, at once."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _print(visible_json(value, indent=None, default=plain, encoding=encoding))
    flush()


def print_line(text: str = "") -> None:
    """Print one line of the answer; ClerkError if it cannot be written."""
    _print(visible(text))


def _print(text: str) -> None:
    if sys.stdout is None:
        raise ClerkError("The answer cannot be written: stdout is closed.")
    with _as_advice():
        print(text)  # noqa: T201


def flush() -> None:
    """Flush the answer; ClerkError if it cannot be written."""
    if sys.stdout is not None:
        with _as_advice():
            sys.stdout.flush()


@contextmanager
def _as_advice() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up()
        raise ClerkError(f"The answer cannot be written to stdout: {error.strerror}.") from error


def give_up() -> None:
    """Throw away what is still to be written: Python must not complain about it when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str = "Nothing to show.", whole: bool = False
) -> None:
    """Print rows under column headings: a table on a terminal, else text; `empty` on stderr.

    Times are local and short, and the longest texts are cut so that a line fits, unless it is to be `whole`.
    """
    if not rows:
        note(empty)
        return
    current = None if whole else datetime.now(UTC)
    lines = [[cells.text(row.get(column), current=current) for column in columns] for row in rows]
    numbers = [cells.is_number([row.get(column) for row in rows]) for column in columns]
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if not whole:
        lines = cells.fitted(
            columns, lines, cells.columns_to_cut(rows, columns), cells.width() - (2 if on_terminal else 0)
        )
    if on_terminal and "NO_COLOR" not in os.environ:
        from clerk_tasks.cli.table import print_rich  # rich takes a third of a second, and only a terminal needs it

        print_rich(columns, lines, numbers)
        return
    lines = [[column.upper() for column in columns], *lines]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print_line("  ".join(map(_justified, line, widths, numbers)).rstrip())


def _justified(cell: str, width: int, is_number: bool) -> str:
    return cell.rjust(width) if is_number else cell.ljust(width)


class Listing(NamedTuple):
    """Rows to print under column headings, or `empty` on stderr."""

    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str]
    empty: str = "Nothing to show."
    whole: bool = False


def fields(record: Mapping[str, Any]) -> Listing:
    """Return a table of a record's fields that are set, one per row."""
    rows = [{"field": name, "value": value} for name, value in record.items() if value is not None]
    return Listing(rows, ("field", "value"), whole=True)


def answer(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str = "Nothing to show."
) -> None:
    """Print rows as a JSON array, or as a table of these columns; `empty` says on stderr that there are no rows."""
    answer_one(rows, Listing(rows, columns, empty), as_json=as_json)


def answer_one(value: Any, *parts: str | Listing, as_json: bool) -> None:
    """Print a value as JSON, or the lines and tables that show it."""
    if as_json:
        print_json(value)
        return
    for part in parts:
        if isinstance(part, Listing):
            print_table(part.rows, part.columns, empty=part.empty, whole=part.whole)
        else:
            print_line(part)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed, unless `yes` was said already; off a terminal, it must have been."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} Add --yes: there is no terminal to ask on.")
    typer.confirm(visible(question), abort=True, err=True)


def note(text: str) -> None:
    """Say something on stderr that --quiet silences."""
    if not _quiet:
        say(text)


def shows_progress() -> bool:
    """Return whether a bar can be shown: stderr is a terminal, and not quiet."""
    return not _quiet and sys.stderr is not None and sys.stderr.isatty()


def warn(text: str) -> None:
    """Say on stderr that something is not as it should be."""
    say(f"warning: {text}")


def fail(text: str) -> None:
    """Say on stderr why the command ends here."""
    say(f"error: {text}")


def say(text: str) -> None:
    """Print one line on stderr."""
    say_lines(text.replace("\n", " "))


def say_lines(text: str) -> None:
    """Print lines on stderr."""
    if sys.stderr is not None:
        print(visible_lines(text), file=sys.stderr)  # noqa: T201


def show_every_letter() -> None:
    """Make the standard streams write a letter that their encoding lacks as an escape, where it would be an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
