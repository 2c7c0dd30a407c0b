"""`script/bench peers` measures another task system in an environment of its own, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from devtools.bench import environments
from devtools.bench.comparison import Comparison
from devtools.bench.table import Peer

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_it_measures_bare_celery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    few = ["--jobs", "40", "--batch", "50", "--rounds", "1", "--watch", "3"]
    command = [sys.executable, str(ROOT / "script/bench_peers.py"), "--peers", "celery", *few, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    celery = json.loads(done.stdout)["systems"]["celery"]
    for key in ("1", "2", "enqueue", "batch"):
        assert celery[key]["per_second"] > 0, done.stderr
        assert celery[key]["cpu_ms"] > 0
    assert 0 < celery["latency"]["p50"] <= celery["latency"]["p99"]
    assert celery["kill"]["lost"] < 200 - 60, "what was done before the kill is not lost"
    assert list(temporary.iterdir()) == []
    assert [line for line in map(command_line, psutil.process_iter()) if str(temporary) in line] == []


def command_line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


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
