"""Answers go to stdout, everything else to stderr."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clerk_tasks.cli import output

Capture = pytest.CaptureFixture[str]


def test_a_table_off_a_terminal_is_aligned_text(capsys: Capture) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "labels": ["x", "y"], "at": datetime(2026, 1, 2, tzinfo=UTC)},
        {"id": "long one", "at": None},
    ]
    output.print_table(rows, ["id", "labels", "at"])
    assert capsys.readouterr().out.splitlines() == [
        "ID        LABELS  AT",
        f"a         x, y    {datetime(2026, 1, 2, tzinfo=UTC).astimezone():%Y-%m-%d}",
        "long one  -       -",
    ]


def test_an_empty_table_is_said_on_stderr_and_quiet_silences_it(capsys: Capture) -> None:
    output.print_table([], ["id"], empty="no jobs")
    assert capsys.readouterr() == ("", "no jobs\n")
    output.set_quiet(True)
    try:
        output.print_table([], ["id"], empty="no jobs")
        output.warn("but this is said")
    finally:
        output.set_quiet(False)
    assert capsys.readouterr() == ("", "warning: but this is said\n")


def test_a_cell_with_line_breaks_stays_on_its_line(capsys: Capture) -> None:
    output.print_table([{"error": "one\ntwo"}], ["error"])
    assert capsys.readouterr().out == "ERROR\none two\n"


def test_a_nested_value_in_a_table_is_json(capsys: Capture) -> None:
    record = {"arguments": {"name": "Española", "all": True}, "jobs": [{"id": None}], "done": False, "error": None}
    output.answer_one(record, output.fields(record), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "FIELD      VALUE",
        'arguments  {"name": "Española", "all": true}',
        'jobs       [{"id": null}]',
        "done       no",
    ]


def test_json_knows_times_and_paths(capsys: Capture) -> None:
    output.print_json({"at": datetime(2026, 1, 2, tzinfo=UTC), "path": Path("a/b"), "name": "Española"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"at": "2026-01-02T00:00:00+00:00", "path": "a/b", "name": "Española"}
    assert "Española" in text
