"""The law of the kit around the code: what runs elsewhere is what runs here, and what is written once stays so."""

from __future__ import annotations

import re
import tomllib

from devtools.laws.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINT = (ROOT / "script/lint").read_text()
PRE_COMMIT = (ROOT / ".pre-commit-config.yaml").read_text()
CI = (ROOT / ".github/workflows/ci.yml").read_text()


def test_a_commit_is_checked_by_what_lint_runs() -> None:
    commands = {command.removesuffix(" .") for command in re.findall(r"^(\.venv/bin/.*)$", LINT, flags=re.MULTILINE)}
    assert commands
    assert commands == set(re.findall(r"entry: (.*)$", PRE_COMMIT, flags=re.MULTILINE))


def test_ci_runs_one_script_on_every_python_that_is_promised() -> None:
    promised = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: Python :: 3." in line]
    assert re.findall(r"run: (.*)$", CI, flags=re.MULTILINE) == [".ci/run"]
    assert re.findall(r'"(3\.\d+)"', CI) == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_the_version_is_written_once() -> None:
    assert "version" in PROJECT["dynamic"]
    text = (ROOT / "clerk/version.py").read_text()
    (version,) = re.findall(r'__version__ = "(.*)"', text)
    folders = ("clerk", "clerk_tasks", "plugins", "migrations")
    files = [ROOT / "pyproject.toml", *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    assert [path.name for path in files if f'"{version}"' in path.read_text()] == ["version.py"]


def test_the_licence_is_the_one_that_the_project_names() -> None:
    assert PROJECT["license"] == "BSD-3-Clause"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License\n")
