"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = dict(
    re.findall(
        r"^### (Add a [\w ]+)\n(.*?)(?=^##|\Z)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL
    )
)
BLOCK = re.compile(r"^```(\w+)(?: (?:new=)?(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.slow


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a copy of the tracked source."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    return tmp_path / "source"


def apply(text: str, source: Path) -> None:
    """Apply a diff whose hunks are found by their lines, not by numbers."""
    for part in re.split(r"^--- .*\n", text, flags=re.MULTILINE)[1:]:
        name, _, hunk = part.partition("\n@@\n")
        path = source / name.removeprefix("+++ b/")
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        content = path.read_text()
        assert content.count(before) == 1, f"{name}: the recipe's lines are not there, or more than once"
        path.write_text(content.replace(before, after))


def run(commands: str, source: Path, home: Path) -> None:
    """Run shell commands as a contributor would, with the copy's own code."""
    bin_folder = home / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name, program in {"python": sys.executable, "clerk-tasks": f"{sys.executable} -m clerk_tasks"}.items():
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (bin_folder / name).chmod(0o755)
    variables = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(source),
        "DATABASE_URL": f"sqlite:///{home}/civic.db",
        "CLERK_PLUGINS_DIR": str(source / "plugins"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=source, env=variables, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_as_it_is_written(recipe: str, source: Path, tmp_path: Path) -> None:
    checks = 0
    for language, name, text in BLOCK.findall(RECIPES[recipe]):
        if language == "diff":
            apply(text, source)
        elif language == "sh":
            run(text, source, tmp_path)
            checks += 1
        else:
            (source / name).write_text(text)
    assert checks or recipe == "Add a setting"
