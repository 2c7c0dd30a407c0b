"""What `pip install .` gives is enough: the finance ETL runs from another folder, on the embedded broker."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devtools.netfile_site import MUNICIPALITIES, expected, serving

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the project into an environment of its own, with nothing but what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "src", ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"))
    python = folder / "venv" / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locks = ROOT / "requirements"
    commands: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", folder / "venv"],
        [*pip, "--require-hashes", "-r", locks / "runtime.txt", "-r", locks / "build.txt"],
        [*pip, "--no-deps", "--no-build-isolation", folder / "src"],
    ]
    for command in commands:
        subprocess.run(command, check=True, timeout=500)
    # What only builds it must not be what makes it run.
    build_only = [line.split("==")[0] for line in (locks / "build.txt").read_text().splitlines() if "==" in line]
    runtime = (locks / "runtime.txt").read_text()
    needless = [name for name in build_only if f"{name}==" not in runtime]
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *needless], check=True, timeout=100)
    return folder / "venv" / "bin" / "clerk-tasks"


def test_it_runs_the_main_job(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = MUNICIPALITIES[0]
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("STORAGE_DIR", "sites")
    with serving() as netfile:
        monkeypatch.setenv("CLERK_FINANCE_BASE_URL", netfile.url)
        run = runner(program)
        run("db", "upgrade")
        extra = json.dumps({"netfile_agency": place.shortcut})
        site = ["--name", place.name, "--state", "CA", "--start-year", str(place.first_year), "--finance"]
        run("sites", "add", place.subdomain, *site, "--extra", extra)
        run("finance", "etl", "--subdomain", place.subdomain)
        run("worker", "finance", "--burst", "-c", "1")
    (job,) = json.loads(run("jobs", "list", "--json"))
    assert (job["state"], job["error"]) == ("completed", None)
    database = sqlite3.connect(Path("sites", place.subdomain, "finance", "election_finance.db"))
    sums = "SELECT count(*), sum(amount) FROM monetary_contributions WHERE is_current = 1"
    assert database.execute(sums).fetchone() == (expected(place).gifts, expected(place).money)
    database.close()


def runner(program: Path) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    return run
