"""An environment in which this source is installed as its pyproject.toml says, whatever the tests' own says."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: A test that runs mypy or ruff.
linted = pytest.mark.skipif(not (find_spec("mypy") and find_spec("ruff")), reason="script/lint installs mypy and ruff")


def environment(home: Path) -> dict[str, str]:
    """Return the variables of a process that finds the entry points of this source, and no setting of the tests'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = home / ".installed" / "clerk_tasks-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clerk-tasks\nVersion: 0\n")
    groups = {**project["entry-points"], "console_scripts": project["scripts"]}
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in of.items()) for group, of in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"HOME": str(home), "PYTHONPATH": f"{info.parent}:{ROOT}", "MYPYPATH": str(ROOT)}


def run(folder: Path, words: Sequence[str]) -> str:
    """Run a Python module in a folder, with this project installed; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout
