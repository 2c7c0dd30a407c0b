"""The embedded broker with real users: processes that come, go and are killed."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import kombu
import psutil
import pytest
import redis

from clerk.errors import BrokerUnavailable
from clerk.settings import settings
from clerk_tasks.broker import embedded
from devtools.processes import Program, Programs, wait_for

pytestmark = pytest.mark.slow

USER = """
import signal, sys
from clerk_tasks.broker import embedded
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with embedded.attached():
    print("attached", flush=True)
    signal.pause()
"""

CHURN = """
from clerk_tasks.broker import embedded
for _ in range(8):
    with embedded.attached():
        assert embedded.is_running()
print("survived", flush=True)
"""


@pytest.fixture(autouse=True)
def _nothing_left(programs: Programs) -> Iterator[None]:
    yield
    programs.stop()
    wait_for(lambda: not embedded.is_running(), "the server ends with its last user")


def start_user(programs: Programs) -> Program:
    return programs.run(sys.executable, "-c", USER)


def user(programs: Programs) -> Program:
    program = start_user(programs)
    program.wait_for_log("attached")
    return program


def client() -> redis.Redis:
    return redis.Redis(unix_socket_path=str(embedded.Place(settings().home).socket))


def server() -> psutil.Process:
    with client() as connection:
        return psutil.Process(int(connection.info("server")["process_id"]))


def keeper() -> psutil.Process:
    parent = server().parent()
    assert parent is not None
    assert "clerk_tasks.broker.embedded_server" in parent.cmdline()
    return parent


def gone() -> bool:
    return not embedded.is_running()


def test_a_message_goes_through_and_only_we_may_connect(programs: Programs) -> None:
    with embedded.attached(), kombu.Connection(embedded.broker_url()) as connection:
        queue = connection.SimpleQueue("greetings")
        queue.put("hello")
        assert queue.get(timeout=5).payload == "hello"
        queue.close()
        assert stat.S_IMODE(embedded.Place(settings().home).socket.stat().st_mode) == 0o700
        assert server().net_connections("tcp") == []


def test_nothing_runs_until_somebody_attaches() -> None:
    assert embedded.broker_url().startswith("redis+socket:///")
    assert not embedded.is_running()


def test_the_last_one_out_ends_it(programs: Programs) -> None:
    first, second = user(programs), user(programs)
    assert first.terminate() == 0
    witness = server()
    assert second.alive
    second.terminate()
    wait_for(gone, "the server ends")
    wait_for(lambda: not witness.is_running(), "its process ends")


@pytest.mark.slow
def test_it_outlives_the_user_who_started_it_and_is_killed(programs: Programs) -> None:
    starter, other = user(programs), user(programs)
    before = server().pid
    starter.kill()
    assert not _ends_within(1.0)
    assert server().pid == before
    other.kill()
    wait_for(gone, "the server ends after the last user was killed")


def _ends_within(seconds: float) -> bool:
    """Whether the server ends although it should not: four looks of the keeper."""
    end = time.monotonic() + seconds
    wait_for(lambda: gone() or time.monotonic() > end, "time passes")
    return gone()


def test_six_who_start_at_once_share_one_server(programs: Programs) -> None:
    users = [start_user(programs) for _ in range(6)]
    for program in users:
        program.wait_for_log("attached")
    keepers = [process.pid for process in psutil.process_iter() if str(settings().home) in _cmdline(process)]
    assert keepers == [keeper().pid]
    assert keeper().children() == [server()]


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def test_who_comes_while_the_last_one_leaves_is_served(programs: Programs) -> None:
    users = [programs.run(sys.executable, "-c", CHURN) for _ in range(3)]
    for program in users:
        assert program.wait(deadline=60) == 0, program.log
        assert "survived" in program.log


def test_messages_survive_the_last_one_out(programs: Programs) -> None:
    with embedded.attached(), client() as connection:
        connection.rpush("queue", "message")
    wait_for(gone, "the server ends")
    with embedded.attached(), client() as connection:
        assert connection.lrange("queue", 0, -1) == [b"message"]


def test_a_killed_server_comes_back_with_its_messages_while_somebody_uses_it(programs: Programs) -> None:
    user(programs)
    with client() as connection:
        connection.rpush("queue", "message")
    before = server()
    before.kill()
    wait_for(lambda: embedded.is_running() and server().pid != before.pid, "a new server")
    with client() as connection:
        assert connection.lrange("queue", 0, -1) == [b"message"]


@pytest.mark.slow
def test_everything_killed_leaves_a_socket_that_the_next_start_replaces(programs: Programs) -> None:
    only = user(programs)
    the_keeper, the_server = keeper(), server()
    only.kill()
    the_keeper.kill()
    the_server.kill()
    wait_for(lambda: not the_server.is_running(), "the server is dead")
    assert embedded.Place(settings().home).socket.exists()
    with embedded.attached():
        assert embedded.is_running()


def test_a_server_whose_keeper_was_killed_is_adopted(programs: Programs) -> None:
    first = user(programs)
    before = server().pid
    keeper().kill()
    second = user(programs)
    assert server().pid == before
    first.terminate()
    second.terminate()
    wait_for(gone, "the new keeper ends the server it has adopted")


def test_a_deleted_folder_is_made_again(programs: Programs) -> None:
    user(programs)
    before = server().pid
    shutil.rmtree(embedded.Place(settings().home).folder)
    wait_for(lambda: embedded.is_running() and server().pid != before, "a new server")


@pytest.mark.slow
def test_a_frozen_server_is_not_replaced_but_ended(programs: Programs) -> None:
    only, frozen = user(programs), server()
    frozen.send_signal(signal.SIGSTOP)
    only.terminate()
    wait_for(lambda: not frozen.is_running() or frozen.status() == "zombie", "it is killed", deadline=60)


@pytest.mark.parametrize("name", ["with a space & ünïcode", "x" * 120], ids=["odd", "long"])
def test_any_folder_will_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Programs) -> None:
    monkeypatch.setenv("CLERK_HOME", str(tmp_path / name))
    settings.discard()
    with embedded.attached(), kombu.Connection(embedded.broker_url()) as connection:
        connection.connect()
        socket = embedded.Place(settings().home).socket
        assert len(os.fsencode(socket)) < 104
    if socket.parent.name.startswith("clerk-"):  # among temporary files
        wait_for(lambda: not socket.parent.exists(), "nothing is left there")


def test_a_server_that_does_not_start_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_VALKEY_SERVER", "/bin/false")
    settings.discard()
    advice = r"/bin/false\) does not start: .*Deleting .*/valkey loses no job"
    with pytest.raises(BrokerUnavailable, match=advice), embedded.attached():
        pass


def test_a_home_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLERK_HOME", str(tmp_path / "file" / "home"))
    settings.discard()
    with pytest.raises(BrokerUnavailable, match=r"Not a directory\. Set CLERK_HOME"), embedded.attached():
        pass


@pytest.mark.usefixtures("sqlite_url")
@pytest.mark.parametrize("command", ["worker", "beat", "up"])
@pytest.mark.parametrize(
    ("variable", "value", "code", "line"),
    [
        ("CLERK_VALKEY_SERVER", "/nope", 2, "error: CLERK_VALKEY_SERVER='/nope': not a program"),
        ("CLERK_VALKEY_SERVER", "/bin/false", 5, "(see {home}/valkey/valkey.log)"),
        ("CLERK_HOME", "/dev/null/home", 5, "broker needs /dev/null/home: Not a directory. Set CLERK_HOME"),
    ],
)
def test_what_needs_the_broker_ends_when_it_cannot_be_started(
    programs: Programs, command: str, variable: str, value: str, code: int, line: str
) -> None:
    program = programs.clerk(command, env={variable: value})
    assert program.wait() == code, program.log
    assert line.format(home=settings().home) in program.log
    assert "Traceback" not in program.log
