"""The benches run, print the CPU time of all processes beside their rates, and leave nothing behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from devtools.bench import environments
from devtools.bench.comparison import Comparison
from devtools.bench.table import Peer
from devtools.processes import wait_for

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Run a bench and return its output; at the end, check that no file and no process of it is left."""
    # Short, since sockets are in there.
    with tempfile.TemporaryDirectory(prefix="benches-") as temporary:
        monkeypatch.setenv("TMPDIR", temporary)

        def run(name: str, *arguments: str) -> str:
            command = [sys.executable, str(ROOT / "script" / name), *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
            assert done.returncode == 0, done.stderr
            sys.stderr.write(done.stderr)  # shown if the test fails
            return done.stdout

        yield run
        assert list(Path(temporary).iterdir()) == []
        wait_for(  # an embedded broker ends by itself, moments after its last user
            lambda: not any(temporary in command_line(process) for process in psutil.process_iter()),
            "every process of the bench ends",
        )


def command_line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def test_beside_bare_celery(run: Callable[..., str]) -> None:
    few = ["--jobs", "40", "--batch", "3000", "--rounds", "1", "--old-rows", "10"]
    rates = [line for line in run("bench.py", "--broker", "embedded", *few).splitlines() if "/s" in line]
    assert len(rates) == 5
    for line in rates:
        ours, theirs = re.findall(r"(\d+\.\d+) ms CPU", line)
        assert float(ours) > 0, line
        assert float(theirs) > 0, line


def test_a_pressure_loses_no_job(run: Callable[..., str]) -> None:
    """The bench exits 1 if a job has no end."""
    rows = run("bench_pressure.py", "--seconds", "2", "--only", "killed once").splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["before", "during", "after"]
    rate, cpu = re.findall(r"(\d+) \((\d+\.\d+)\)", rows[0])[0]
    assert int(rate) > 0
    assert float(cpu) > 0


def test_the_pipeline(run: Callable[..., str]) -> None:
    output = run("bench_pipeline.py", "--documents", "4", "-c", "1")
    assert len(re.findall(r"pages/s +\d+\.\d+ ms CPU a page", output)) == 2, output


def test_the_finance_bench_opens_each_workbook_once(run: Callable[..., str]) -> None:
    output = run("bench_finance.py", "--rows", "400", "--workbooks", "2", "--rounds", "1")
    assert len(re.findall(r"rows/s +\d+\.\d+ ms CPU a row +\d+ MiB +opened 2 workbooks, of 2", output)) == 2, output
    assert re.search(r"ratio of the times +\d+\.\d+", output), output


def test_bare_celery_among_the_peers(run: Callable[..., str]) -> None:
    few = ["--jobs", "40", "--batch", "3000", "--rounds", "1", "--watch", "3"]
    celery = json.loads(run("bench_peers.py", "--peers", "celery", *few, "--json"))["systems"]["celery"]
    for key in ("1", "2", "enqueue", "batch"):
        assert celery[key]["per_second"] > 0
        assert celery[key]["cpu_ms"] > 0
    assert 0 < celery["latency"]["p50"] <= celery["latency"]["p99"]
    assert celery["kill"]["not_back"] < 200 - 60, "what was done before the kill is not lost"


def test_a_system_that_cannot_be_installed_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environments, "CACHE", tmp_path / "cache")
    broken = Peer("broken", "celery", ("./not-there",), servers=())
    ours = Peer("clerk-embedded-sqlite", "clerk_tasks", servers=())
    options = Namespace(peers=(broken, ours), measure=("batch",), jobs=20, batch=20, rounds=1, watch=1, fsync=False)
    with ExitStack() as stack:
        comparison = Comparison(stack, tmp_path, options)
        comparison.run()
    assert list(comparison.found) == [ours]
    assert comparison.found[ours]["batch"]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "broken" in line]
    assert line.startswith("broken is left out: ERROR:")


def test_what_up_costs_with_nothing_to_do(run: Callable[..., str]) -> None:
    lines = run("bench_idle.py", "--seconds", "4", "--settle", "8").splitlines()
    assert [re.sub(r"\d+\.\d+", "N", line) for line in lines[2:]] == ["| SQLite | N | N |", "| PostgreSQL | N | N |"]
    cores, rates = zip(*(map(float, re.findall(r"\d+\.\d+", line)) for line in lines[2:]), strict=True)
    assert all(0 <= core < 20 for core in cores), "of a hundredth of a second, perhaps nothing is seen"
    assert 0 <= rates[0] < 20, "on SQLite a write every five seconds, so perhaps none"
    assert 0 < rates[1] < 20


def test_files_that_a_job_puts_in_place(run: Callable[..., str]) -> None:
    lines = run("bench_files.py", "--files", "50", "--rounds", "1").splitlines()
    assert lines[0] == "| 50 files | bare | commit_files | commit_folder |"
    assert [line.split()[1] for line in lines[2:]] == ["SQLite", "PostgreSQL"]
    assert all(len(re.findall(r"\d\.\d\d s", line)) == 3 for line in lines[2:])


def test_the_metrics_over_old_jobs(run: Callable[..., str]) -> None:
    printed = run("bench_metrics.py", "--rows", "3000", "--rounds", "2", "--databases", "sqlite")
    rows = [line for line in printed.splitlines() if line.startswith("| sqlite")]
    assert [row.split("|")[2].strip() for row in rows][:3] == ["first fold of all old jobs", "scrape", "status"]
    assert "2030 ends in the totals" in printed  # a thousand of them wait, and one in a hundred was tried again


def test_jobs_in_the_process_of_a_test(run: Callable[..., str]) -> None:
    printed = run("bench_testing.py", "--jobs", "20")
    assert re.fullmatch(r"run_job +\d+ /s\ndrain +\d+ /s\n", printed)
