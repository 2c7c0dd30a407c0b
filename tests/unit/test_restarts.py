"""What ends too early is started again after a pause that grows, wherever something is started again."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from clerk.errors import BrokerUnavailable
from clerk.settings import settings
from clerk_tasks.broker import embedded, embedded_server
from clerk_tasks.broker.embedded import Place
from clerk_tasks.restarts import GOOD_LIFE, LONGEST_RESTART, RestartPause
from clerk_tasks.system.supervisor import KeptProcess
from clerk_tasks.worker.child_restarts import ChildRestarts
from clerk_tasks.worker.executor import most_jobs
from devtools.hand_clock import Clock


def test_the_pause_is_doubled_up_to_the_longest_and_the_shortest_after_a_good_life() -> None:
    pause = RestartPause()
    assert [pause.after(0.0) for _ in range(7)] == [1, 2, 4, 8, 16, LONGEST_RESTART, LONGEST_RESTART]
    assert [pause.after(life) for life in (GOOD_LIFE + 1, GOOD_LIFE)] == [1, 2]


class Pool:
    """A billiard pool of one child, which ends when a test says so."""

    def __init__(self) -> None:
        self.started = 0
        self._pool: list[SimpleNamespace] = []
        self._repopulate_pool([])

    def _repopulate_pool(self, exitcodes: Sequence[int | None]) -> None:
        if not self._pool:
            self.started += 1
            self._pool = [SimpleNamespace(pid=self.started)]

    def _event_process_exit(self, hub: object, process: object) -> None:
        self.maintain_pool()

    def maintain_pool(self) -> None:
        self._repopulate_pool([])

    def end_child(self) -> None:
        self._pool.clear()
        self._repopulate_pool([1])


class Hub:
    """Celery's event loop, with what is to be called later."""

    def __init__(self) -> None:
        self.later: list[Callable[[], object]] = []

    def call_later(self, delay: float, callback: Callable[[], object]) -> None:
        assert delay < 1
        self.later.append(callback)


def test_children_that_cannot_work_are_started_again_after_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    pool, clock, ready = Pool(), Clock(), set[int]()
    ChildRestarts(pool, lambda: ready, clock)
    starts = []
    for _ in range(100):
        started = pool.started
        pool.end_child()
        if pool.started > started:
            starts.append(clock())
        clock.go(1.0)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps == [3, 5, 9, 17, 31, 31]  # each lives for a second
    assert len(caplog.messages) == len(starts) + 1
    assert "a child of this worker ended before it could work; the next one starts in 30 s" in caplog.messages


def test_children_that_could_work_are_replaced_at_once(caplog: pytest.LogCaptureFixture) -> None:
    pool, ready = Pool(), set[int]()
    ChildRestarts(pool, lambda: ready, Clock())
    for number in range(1, 50):
        assert pool.started == number
        ready.add(number)
        pool.end_child()
    assert caplog.messages == []


def test_a_child_that_ends_a_moment_after_it_has_closed_its_files_is_replaced_soon() -> None:
    """Guard: `exited`. The pool by itself would look again after five seconds."""
    pool, hub = Pool(), Hub()
    restarts = ChildRestarts(pool, lambda: {1}, Clock())
    restarts.exited(hub, None)  # it is not gone yet
    pool._pool.clear()
    assert pool.started == 1
    for callback in hub.later:
        callback()
    assert pool.started == 2


def test_the_children_of_a_worker_do_not_end_after_the_same_number_of_jobs() -> None:
    assert [most_jobs(10_000, place) for place in range(6)] == [10_000, 9_500, 9_000, 8_500, 8_000, 10_000]
    assert [most_jobs(8, 1), most_jobs(None, 1)] == [8, None]


def test_a_child_at_its_end_ends_at_its_parents_signal() -> None:
    """Guard: the handler in `end_process_group`; billiard sleeps for a second before it ends by itself."""
    source = (
        "import os, time; from clerk_tasks.worker.child_setup import end_process_group; "
        "os.setpgid(0, 0); end_process_group(); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()
        assert child.wait(timeout=30) == 0


def test_a_process_of_up_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    kept = KeptProcess("beat", ["beat"])
    for _ in range(2):
        kept.restart_at = 0.0
        kept.keep()
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("; ")[2] for line in lines] == ["restarting in 1 s", "restarting in 2 s"]
    assert "No such file or directory" in lines[0]
    assert time.monotonic() < kept.restart_at


def program(folder: Path, *lines: str) -> tuple[Path, Path]:
    """Write a program that counts its starts; return it, and the file in which it counts."""
    script, starts = folder / "program", folder / "starts"
    script.write_text("\n".join(["#!/bin/sh", f"echo >> {starts}", *lines]))
    script.chmod(0o755)
    return script, starts


def count(starts: Path) -> int:
    return len(starts.read_text().splitlines())


@pytest.fixture
def place() -> Place:
    place = Place(settings().home.absolute())
    place.make()
    return place


def test_a_keeper_that_cannot_start_is_named_and_not_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    python, starts = program(tmp_path, "echo 'No module named clerk_tasks' >&2", "exit 1")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(BrokerUnavailable, match="keeper does not start: No module named clerk_tasks"):
        embedded._ensure_running(place, "valkey-server")
    assert count(starts) == 1


def test_a_keeper_that_ends_without_a_word_is_started_again_after_growing_pauses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    python, starts = program(tmp_path)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(embedded, "START_TIMEOUT", 0.5)
    with pytest.raises(BrokerUnavailable, match="does not answer: see"):
        embedded._ensure_running(place, "valkey-server")
    assert count(starts) <= 4


def test_a_server_that_does_not_come_back_is_started_again_after_a_pause(
    tmp_path: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    server, starts = program(tmp_path, "echo 'no memory' >&2", "exit 1")
    keeper = embedded_server.Keeper(place, str(server))
    for _ in range(20):
        keeper._heal()
    assert count(starts) == 1
    assert "does not start: no memory" in (line := capsys.readouterr().out)
    assert "The next try is in 1 s." in line


def test_a_good_start_makes_the_next_pause_the_shortest_again(
    tmp_path: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guard: `reset` in `_heal`; a server that is often killed is started at once."""
    full = tmp_path / "full"
    server, starts = program(tmp_path, f"[ -e {full} ] && exit 1", f'exec {embedded._server_program()} "$@"')
    keeper = embedded_server.Keeper(place, str(server))
    for _ in range(3):
        full.touch()
        keeper._heal()
        keeper._start_again_at = 0.0  # the pause is over
        full.unlink()
        for _ in range(2):
            keeper._heal()
            keeper._kill()
    assert count(starts) == 9
    assert capsys.readouterr().out.count("The next try is in 1 s.") == 3
