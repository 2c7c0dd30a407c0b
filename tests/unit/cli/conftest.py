"""The command line in this process, with plugins of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clerk_tasks.cli.main import main
from devtools.plugin_files import imports_undone, write_plugin

Write = Callable[[str, str], Path]


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _undone(tmp_path: Path) -> Iterator[None]:
    with imports_undone(tmp_path):
        yield


@pytest.fixture
def write() -> Write:
    """Write a file of ./plugins."""
    return lambda name, source: write_plugin(Path("plugins") / name, source)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `clerk-tasks` with these arguments."""
    monkeypatch.setattr("sys.argv", ["clerk-tasks"])

    def call(*arguments: str) -> Result:
        code = main(arguments)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call
