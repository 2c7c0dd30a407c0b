"""`up` serves the board where it can, and says in one line why not where it cannot."""

from __future__ import annotations

import socket

import httpx
import pytest

from devtools.processes import wait_for
from devtools.services import free_port
from devtools.system import System


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/acts").status_code == 200
    except httpx.HTTPError:
        return False


def test_up_serves_the_board(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("CLERK_BOARD_LISTEN", address)
    up = system.programs.clerk("up", "-c", "1")
    wait_for(lambda: answers(address), "the board answers", deadline=60, logs=lambda: up.log)
    assert up.terminate(deadline=60) == 0
    assert not answers(address)


def test_up_runs_without_the_board_if_its_port_is_taken(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("CLERK_BOARD_LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        up = system.programs.clerk("up", "-c", "1")
        up.wait_for_log("ready.", deadline=60)
        assert up.log.count("No board at 127.0.0.1:") == 1
        assert up.terminate(deadline=60) == 0
