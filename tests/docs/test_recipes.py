"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = dict(
    re.findall(r"^### (Add [^\n]*)\n(.*?)(?=^##|\Z)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
)
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Step:
    """One file that a recipe adds, or changes by hunks."""

    file: str
    text: str
    is_new: bool

    def do(self, source: Path) -> None:
        path = source / self.file
        if self.is_new:
            assert not path.exists()
            path.write_text(self.text)
            return
        for hunk in re.split(r"^@@\n", self.text, flags=re.MULTILINE)[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            content = path.read_text()
            assert content.count(before) == 1, f"{self.file}: the recipe's lines are not there, or more than once"
            path.write_text(content.replace(before, after))


def steps(recipe: str) -> Iterator[Step]:
    """Return a recipe's changes, in order."""
    for info, text in BLOCK.findall(RECIPES[recipe]):
        if info == "diff":
            for part in re.split(r"^--- .*\n", text, flags=re.MULTILINE)[1:]:
                first, _, hunks = part.partition("\n")
                yield Step(first.removeprefix("+++ b/"), hunks, is_new=False)
        elif info != "sh check":
            assert info.startswith("python new="), f"{recipe}: no way to follow ```{info}"
            yield Step(info.removeprefix("python new="), text, is_new=True)


def check(recipe: str) -> str:
    """Return the commands that show that the recipe has worked."""
    (commands,) = [text for info, text in BLOCK.findall(RECIPES[recipe]) if info == "sh check"]
    return str(commands)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a copy of the source: what git tracks, and what is new."""
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(list_files, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    return tmp_path / "source"


def run(commands: str, source: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run shell commands as a contributor would, with the copy's own code."""
    bin_folder = home / "bin"
    bin_folder.mkdir()
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
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=source, env=variables, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_what_contributors_add_most_often_has_a_recipe() -> None:
    assert {"Add a job type", "Add a hook", "Add a column", "Add a broker"} <= set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_as_it_is_written(recipe: str, source: Path, tmp_path: Path) -> None:
    for step in steps(recipe):
        step.do(source)
    done = run(check(recipe), source, tmp_path)
    assert done.returncode == 0, f"{check(recipe)}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("recipe", "left_out"),
    [pytest.param(recipe, step, id=f"{recipe}, {step.file}") for recipe in RECIPES for step in steps(recipe)],
)
def test_a_recipe_fails_when_a_step_is_left_out(recipe: str, left_out: Step, source: Path, tmp_path: Path) -> None:
    for step in steps(recipe):
        if step != left_out:
            step.do(source)
    assert run(check(recipe), source, tmp_path).returncode != 0
