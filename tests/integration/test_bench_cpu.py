"""The CPU time that the benches print is that of all their processes, and of no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.bench import cpu

pytestmark = pytest.mark.skipif(not cpu.PROC.is_dir(), reason="needs /proc")

#: A process whose child uses half a second of CPU; the process itself lives on until its input ends.
BURN = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print(flush=True); input()"


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_PID", str(os.getpid()))


def burning(*words: str, **options: object) -> subprocess.Popen[str]:
    """Return a process whose child has used half a second of CPU."""
    command = [sys.executable, "-c", PARENT, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes, **options)  # type: ignore[call-overload]
    assert process.stdout.readline()
    return process  # type: ignore[no-any-return]


def test_descendants_count_alive_and_ended() -> None:
    before = cpu.spent()
    with burning() as process:
        alive = cpu.spent() - before
        process.communicate("\n")
    assert alive >= 0.5
    assert cpu.spent() - before >= alive, "its time stays when it has ended"


def test_what_is_ignored_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cpu.spent()
    with burning() as process:
        monkeypatch.setenv("BENCH_IGNORED", str(process.pid))
        assert cpu.spent() - before < 0.5
        process.communicate("\n")


@pytest.mark.slow
def test_a_detached_process_counts_by_the_folder_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with burning(str(tmp_path)) as process:
        monkeypatch.setenv("BENCH_PID", str(process.pid))  # a bench that is not this process's ancestor
        without = cpu.spent()
        with burning(str(tmp_path / "detached")) as detached:
            monkeypatch.setenv("BENCH_FOLDER", str(tmp_path / "detached"))
            assert cpu.spent() - without >= 0.5
            detached.communicate("\n")
        process.communicate("\n")


def test_its_own_time_counts_on_request() -> None:
    with_own, without = cpu.spent(own=True), cpu.spent()
    assert with_own - without >= 0.01
