"""A table fits the screen: short local times, numbers to the right, the longest texts cut, never an id or a number."""

from __future__ import annotations

import os
import pty
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clerk_tasks.cli import cells, output

Capture = pytest.CaptureFixture[str]


def test_the_longest_texts_are_cut_and_nothing_else(capsys: Capture) -> None:
    identifier, moment = "01a22361-4a1c-76b1-88ac-48d8623fdbe7", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    row = {"id": identifier, "left": 123456789, "at": moment.isoformat(), "error": "e" * 300, "note": "n" * 20}
    output.print_table([row], list(row))
    _, line = capsys.readouterr().out.splitlines()
    assert len(line) <= 100
    assert line.split()[:3] == [identifier, "123456789", f"{moment.astimezone():%Y-%m-%d}"]
    assert [word[-1] for word in line.split()[3:]] == ["…", "…"]


def test_numbers_are_to_the_right_and_a_share_is_one(capsys: Capture) -> None:
    output.print_table([{"n": 5, "of": "7 %", "s": "a"}, {"n": 1000, "of": "100 %", "s": None}], ["n", "of", "s"])
    assert capsys.readouterr().out.splitlines() == ["   N     OF  S", "   5    7 %  a", "1000  100 %  -"]


@pytest.mark.parametrize(
    ("ago", "form"), [(3600, "%H:%M:%S"), (-3600, "%H:%M:%S"), (86400 * 3, "%m-%d %H:%M"), (86400 * 300, "%Y-%m-%d")]
)
def test_a_time_is_local_and_as_short_as_its_age_allows(ago: float, form: str) -> None:
    current = datetime(2026, 6, 2, 12, tzinfo=UTC)
    moment = current - timedelta(seconds=ago)
    for value in (moment, moment.isoformat()):
        assert cells.text(value, current=current) == moment.astimezone().strftime(form)
    assert cells.text(moment) == moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def test_a_record_is_shown_whole(capsys: Capture) -> None:
    record = {"error": "e" * 300}
    output.answer_one(record, output.fields(record), as_json=False)
    assert "e" * 300 in capsys.readouterr().out


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_states_have_colours_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    rows: list[dict[str, Any]] = [{"id": "x", "state": "discarded"}]
    with open(theirs, "w") as terminal:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdout", terminal)
        output.print_table(rows, ["id", "state"])
        terminal.flush()
        shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert "discarded" in shown
    assert ("\x1b[31mdiscarded" in shown) == coloured
