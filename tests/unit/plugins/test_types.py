"""A type checker finds a wrong hook, and a wrong job type; a decorated function stays a function."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from clerk import JobType, job
from clerk.errors import UsageError
from clerk.job_decorator import as_job_type
from clerk_tasks.job_types.validation import register

ROOT = Path(__file__).parents[3]
CHECKED = """
from collections.abc import Mapping
from clerk import JobFunction, JobType, hookimpl, job
from clerk.hookspecs import DeployMunicipality, RegisterJobTypes, RegisterSchedules

Types = Mapping[str, JobFunction | JobType]

@job(queue="library", time_limit=60)
def count(subdomain: str, run_id: str, *, year: int) -> int:
    return year

@job
def bare(subdomain: str) -> None: ...

def nothing() -> None: ...

good: int = count("alameda.ca", "run", year=2026)
count("alameda.ca", "run", year="x")  # line arg-type
job(que="library")  # line call-overload
JobType(nothing)  # line arg-type

class Good(RegisterJobTypes):
    @hookimpl
    def register_job_types(self) -> Types:
        return {"count": count, "bare": bare}

class Misspelt(RegisterJobTypes):
    @hookimpl
    def register_job_typs(self) -> Types:
        return {}

class Wrong(RegisterSchedules, DeployMunicipality):
    @hookimpl
    def register_schedules(self) -> dict[str, str]:  # line override
        return {}

    @hookimpl
    def deploy_municipality(self, subdomain: int) -> None: ...  # line override

Good()
Misspelt()  # line abstract
"""


@pytest.mark.skipif(find_spec("mypy") is None, reason="script/lint installs mypy")
@pytest.mark.slow
def test_mypy_finds_each_mistake_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "checked.py").write_text(CHECKED)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", "checked.py"]
    environment = {"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110)
    found = dict(re.findall(r"^checked\.py:(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE))
    numbered = enumerate(CHECKED.splitlines(), 1)
    expected = {str(number): line.rpartition("# line ")[2] for number, line in numbered if "# line " in line}
    assert found == expected, done.stdout


@job(queue="library", max_attempts=5)
def count(subdomain: str, *, year: int) -> int:
    """Count."""
    return year


def test_a_decorated_function_is_called_as_before_and_registers_with_its_settings() -> None:
    assert count("alameda.ca", year=2026) == 2026
    assert register("p", "count", count).job_type == JobType(count, queue="library", max_attempts=5)
    assert register("p", "count", JobType(count)).job_type == JobType(count)


def test_a_decorated_method_registers_bound() -> None:
    class Worker:
        @job(unique=True)
        def work(self, subdomain: str) -> str:
            return subdomain

    worker = Worker()
    made = as_job_type(worker.work)
    assert made == JobType(worker.work, unique=True)
    assert made.function("alameda.ca") == "alameda.ca"


def test_a_wrong_setting_is_found_when_the_job_type_is_registered() -> None:
    @job(max_attempts=0)
    def work(subdomain: str) -> None: ...

    with pytest.raises(UsageError, match="max_attempts: 0 must be a whole number"):
        register("p", "work", work)


def test_a_class_method_keeps_its_settings() -> None:
    class Worker:
        @job(max_attempts=5)
        @classmethod
        def work(cls, subdomain: str) -> None: ...

    assert as_job_type(Worker.work).max_attempts == 5
