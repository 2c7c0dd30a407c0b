"""What strangers wrote reaches neither a terminal nor a log raw."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import sys
from datetime import UTC, datetime

import pytest

from clerk.output import JsonFormatter
from clerk.visible import visible, visible_json
from clerk_tasks.cli import output
from clerk_tasks.logs import Redacting

Capture = pytest.CaptureFixture[str]

#: Sets a window's title, clears it, says another line; C1's CSI; reverses what follows; ends a line.
EVIL = "a\x1b]0;owned\x07\x1b[2J\nb\x9b31m\u202ec\u2028d\x7f"
SHOWN = r"a\x1b]0;owned\x07\x1b[2J\nb\x9b31m\u202ec\u2028d\x7f"
CONTROLS = set(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2028]))


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    raised = (type(error), error, None) if error else None
    return logging.LogRecord("clerk", logging.INFO, "f", 1, "%s", (message,), raised)


def test_controls_are_shown_as_escapes_and_letters_as_they_are() -> None:
    assert visible(EVIL) == SHOWN
    assert visible("La Cañada 🌳\tمجلس") == "La Cañada 🌳\tمجلس"
    assert visible("a\ud800") == r"a\ud800"


def test_a_line_of_the_log_is_one_line() -> None:
    assert Redacting("%(message)s").format(record(EVIL)) == SHOWN
    text = Redacting("%(message)s").format(record("x", ValueError(EVIL)))
    assert CONTROLS & set(text) == set()
    assert [line[:2] for line in text.split("\n")][1:] == ["  "] * (text.count("\n"))


def test_json_is_the_same_value_and_harmless() -> None:
    for text in (JsonFormatter().format(record(EVIL)), visible_json({"message": EVIL}, indent=2)):
        assert json.loads(text)["message"] == EVIL
        assert CONTROLS & set(text) == set()


def test_tables_lines_and_errors(capsys: Capture) -> None:
    output.print_table([{"error": EVIL}], ["error"])
    output.print_line(EVIL)
    output.fail(EVIL)
    output.print_json({"error": EVIL})
    captured = capsys.readouterr()
    assert CONTROLS & set(captured.out + captured.err) == set()
    assert captured.err.count("\n") == 1


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        output.print_table([{"error": EVIL}], ["error"])
        terminal.flush()
        seen = os.read(master, 65536)
    os.close(master)
    assert b"owned" in seen
    assert b"\x1b]0;" not in seen
    assert b"\x1b[2J" not in seen


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_stream_that_cannot_encode_a_letter(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    output.show_every_letter()
    output.print_table([{"name": "Cañada 🌳"}], ["name"])
    output.print_json({"name": "Cañada 🌳", "at": datetime(2026, 1, 1, tzinfo=UTC)})
    output.flush()
    table, document = raw.getvalue().decode(encoding).split("{", 1)
    assert "ada \\U0001f333" in table
    assert json.loads("{" + document)["name"] == "Cañada 🌳"
