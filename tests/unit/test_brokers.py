"""The table of brokers: every scheme has a class, and a class has all that we ask of one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from queue import SimpleQueue

import pytest

from clerk.errors import BrokerUnavailable, SettingError
from clerk.jobs import Priority
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.broker.table import BROKERS, load_broker


@pytest.mark.parametrize("scheme", [*BROKERS, "redis+socket"])
def test_every_scheme_has_a_broker(scheme: str) -> None:
    broker = load_broker(f"{scheme}://localhost")
    assert set(broker.priorities) == set(Priority)
    assert OSError in broker.errors


def test_an_unknown_scheme_names_those_that_there_are() -> None:
    with pytest.raises(SettingError, match="BROKER_URL: 'pigeon' is not supported; use one of redis"):
        load_broker("pigeon://localhost")


def test_an_address_is_shown_without_its_password() -> None:
    assert "hunter2" not in load_broker("redis://me:hunter2@localhost/1").shown


def test_who_waits_for_an_attempt_that_fails_does_not_make_another() -> None:
    """Guard: with a frozen broker each act on the board waited for all those before it, ten seconds each."""
    with frozen_server() as (url, accepted), closing(Publisher(url)) as publisher:
        with pytest.raises(BrokerUnavailable):
            publisher.check()
        alone = accepted.qsize()
        together = threading.Barrier(5)

        def check() -> bool:
            together.wait()
            with suppress(BrokerUnavailable):
                publisher.check()
            return True

        with ThreadPoolExecutor(5) as threads:
            assert all(each.result() for each in [threads.submit(check) for _ in range(5)])
        assert accepted.qsize() == 2 * alone
        with pytest.raises(BrokerUnavailable):
            publisher.check()
        assert accepted.qsize() == 3 * alone, "who asks later tries"


@contextmanager
def frozen_server() -> Iterator[tuple[str, SimpleQueue[socket.socket]]]:
    """Give the address of a server that lets each connection go after a moment, and those that it has accepted."""
    accepted: SimpleQueue[socket.socket] = SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    accepted.put(connection)
                    threading.Event().wait(0.2)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", accepted
