"""The parts of a process: built once, closed the last first."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from clerk.application import Application, Part


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("clerk.application.application", Application())
    return []


def made(name: str, events: list[str], *, needs: Part[str] | None = None) -> Part[str]:
    def build() -> str:
        if needs is not None:
            needs()
        events.append(f"build {name}")
        return name

    return Part(build, lambda built: events.append(f"close {built}"))


def test_a_part_is_built_once(events: list[str]) -> None:
    engine = made("engine", events)
    assert engine() is engine()
    assert events == ["build engine"]


def test_what_was_built_last_is_closed_first(events: list[str]) -> None:
    from clerk import application

    settings = made("settings", events)
    engine = made("engine", events, needs=settings)
    engine()
    application.application.close()
    assert events == ["build settings", "build engine", "close engine", "close settings"]


def test_a_part_that_was_discarded_is_closed_and_built_again(events: list[str]) -> None:
    engine = made("engine", events)
    engine.discard()
    engine()
    engine.discard()
    engine()
    assert events == ["build engine", "close engine", "build engine"]


def test_what_is_put_in_place_of_a_part_is_used_until_the_end(events: list[str]) -> None:
    from clerk import application

    engine = made("engine", events)
    engine()
    application.application.put(engine, "another")
    assert engine() == "another"
    application.application.close()
    assert engine() == "engine"
    assert events == ["build engine", "close engine", "close another", "build engine"]


def test_a_part_that_cannot_be_built_is_tried_again(events: list[str]) -> None:
    def build() -> str:
        events.append("try")
        if len(events) == 1:
            raise OSError("not yet")
        return "built"

    engine = Part(build, lambda _: None)
    with pytest.raises(OSError, match="not yet"):
        engine()
    assert engine() == "built"


def test_a_part_that_waits_holds_up_no_other(events: list[str]) -> None:
    building, go_on = threading.Event(), threading.Event()

    def build() -> str:
        building.set()
        go_on.wait(timeout=10)
        return "engine"

    engine, settings = Part(build, lambda _: None), made("settings", events)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(engine)
        building.wait(timeout=10)
        try:
            assert threads.submit(settings).result(timeout=5) == "settings"
        finally:
            go_on.set()
        assert waiting.result(timeout=5) == "engine"


def test_a_process_closes_its_parts_at_its_end() -> None:
    program = (
        "from clerk.application import part\n"
        "@part(close=lambda built: print('closed', built))\n"
        "def engine() -> str: return 'engine'\n"
        "engine()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ended.stdout == "closed engine\n"
