"""What `--wait` shows: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from clerk_tasks.cli.progress_bar import bar
from clerk_tasks.waiting import WaitProgress, look_at, with_rate


def job(state: str, note: str | None = None) -> dict[str, Any]:
    kind = {"job_type": "ocr", "subdomain": "a.ca", "attempt": 1, "max_attempts": 3, "error": None}
    return kind | {"state": state, "note": note}


@pytest.mark.parametrize(
    ("states", "line"),
    [
        (["completed"] * 3 + ["running"], "3 of 4 jobs ended (75 %, 18 a minute, about 3 s left): ocr a.ca"),
        (["completed", "discarded", "available"], "2 of 3 jobs ended (66 %, 12 a minute, about 5 s left), 1 failed"),
        (["available", "available"], "0 of 2 jobs ended (0 %)"),
        (["completed", "completed"], "2 of 2 jobs ended (100 %)"),
        (["running"], "ocr a.ca: running"),
    ],
)
def test_a_line_says_how_far_and_how_long(states: list[str], line: str) -> None:
    look = look_at([job(state) for state in states])
    assert str(with_rate(look, look.ended, 10.0)) == line


def test_a_bar_shows_what_the_jobs_do_and_no_control_character() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with bar(console) as show:
        show(WaitProgress(30, 40, ": ocr a.ca [bold]\x1b[31mpage 3"))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert "75%" in drawn
    assert "30/40" in drawn
    assert "ocr a.ca [bold]\\x1b[31mpage 3" in drawn
