"""The pytest plugin in the suite of an author: it finds the plugins, costs other tests nothing, and is loaded once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from clerk import hookimpl

def greet(subdomain, *, name):
    return f"Hello, {name}"

class Greetings:
    @hookimpl
    def register_job_types(self):
        return {"greet": greet}
"""
TESTS = """
import sys

def test_the_kit_is_not_imported_yet():
    assert "clerk_tasks.testing.harness" not in sys.modules

def test_a_job_runs(clerk_harness):
    assert clerk_harness.run_job("greet", "alameda.ca", name="Ada").result == "Hello, Ada"
"""


@pytest.mark.slow
def test_an_authors_suite_needs_nothing_but_the_fixture(tmp_path: Path) -> None:
    files = {"plugins/greetings.py": PLUGIN, "test_greetings.py": TESTS, ".env": "CLERK_LEASE=no number\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    twice = ["-p", "clerk_tasks.testing.pytest_plugin"]  # besides the entry point
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *twice]
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "DATABASE_URL": "sqlite:////nowhere/civic.db"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
