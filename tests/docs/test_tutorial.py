"""The files of the lesson are ones that a careful author would commit: typed, formatted and without a lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.pages import blocks
from tests.docs.installed import ROOT, linted, run

PAGE = ROOT / "docs/tutorial/a-plugin-that-grows.md"


@linted
@pytest.mark.slow
def test_the_files_pass_mypy_strict_and_ruff(tmp_path: Path) -> None:
    for block in blocks(PAGE):
        if block.title and block.language == "python":
            (tmp_path / block.title).parent.mkdir(exist_ok=True)
            (tmp_path / block.title).write_text(block.text)
    run(tmp_path, ["mypy", "--strict", "--config-file=", "plugins", "tests"])
    run(tmp_path, ["ruff", "check", "--isolated", "--select", "E,F,I,B,UP,SIM", "--line-length", "120", "."])
    run(tmp_path, ["ruff", "format", "--isolated", "--check", "--line-length", "120", "."])
