"""What others do to a PostgreSQL server that runs a job queue: old transactions, long reads, many connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from itertools import cycle

import psycopg

#: How many readers scan the hot tables, and how often each starts again, in seconds.
READERS, EVERY = 4, 0.5
#: How long it is from one termination of a connection to the next, in seconds.
PERIOD = 0.5


@contextmanager
def pinned_xmin(address: str) -> Iterator[None]:
    """Hold a transaction open that has an id: no row that dies meanwhile can be removed."""
    with psycopg.connect(address) as connection:
        connection.execute("SELECT txid_current()")
        yield


@contextmanager
def readers(address: str) -> Iterator[None]:
    """Scan the hot tables in overlapping REPEATABLE READ transactions, one after the other in each connection."""
    over = threading.Event()
    threads = [threading.Thread(target=_read, args=(address, over, n * EVERY / READERS)) for n in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _read(address: str, over: threading.Event, begin: float) -> None:
    over.wait(begin)
    with psycopg.connect(address) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for table in cycle(("jobs", "stages", "runs")):
            connection.execute(f"SELECT count(*) FROM {table}")
            if over.wait(EVERY):
                return
            if table == "runs":
                connection.commit()


@contextmanager
def idle_connections(address: str, count: int) -> Iterator[None]:
    """Keep so many connections open that do nothing."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(psycopg.connect(address))
        yield


@contextmanager
def repeated(act: Callable[[], None], period: float) -> Iterator[None]:
    """Do something every so many seconds, in a thread, during a with block."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(period):
            act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def terminations(address: str) -> AbstractContextManager[None]:
    """Terminate one connection of the database after the other."""
    return repeated(partial(_terminate, address), PERIOD)


def _terminate(address: str) -> None:
    victim = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
    )
    with suppress(psycopg.OperationalError), psycopg.connect(address, autocommit=True) as connection:
        connection.execute(victim)
