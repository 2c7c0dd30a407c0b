"""The servers of a comparison: each started on first use, shared by all task systems, stopped at the end."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import psycopg
import redis

from clerk.settings import settings
from clerk_tasks.broker import embedded
from devtools import binaries
from devtools.bench.environments import Unavailable
from devtools.services import HOST, PostgresServer, RabbitServer, RedisServer, Server


class BenchPostgres(PostgresServer):
    """PostgreSQL with autovacuum, since its tables live for minutes; with fsync if that is asked for."""

    fsync = False

    def command(self, program: Path) -> list[str | Path]:
        """Return the command line that runs the server in the foreground."""
        durable = ("fsync=on", "full_page_writes=on") if self.fsync else ()
        settings = ("autovacuum=on", "max_connections=500", *durable)
        return [*super().command(program), *(word for value in settings for word in ("-c", value))]


class DurablePostgres(BenchPostgres):
    """PostgreSQL as it is in the field: a commit is on the disk."""

    fsync = True


class EmbeddedBroker:
    """The embedded broker, for a task system that does not start one itself."""

    def __init__(self, stack: ExitStack, home: Path) -> None:
        os.environ["CLERK_HOME"] = str(home)
        settings.discard()
        stack.enter_context(embedded.attached())
        self.url, self.home = embedded.broker_url(), home

    def empty(self) -> None:
        """Remove all messages."""
        with contextlib.closing(redis.Redis(unix_socket_path=str(embedded.Place(self.home).socket))) as client:
            client.flushall()


class Servers:
    """Starts servers, and gives each measurement an empty place on them."""

    def __init__(self, stack: ExitStack, folder: Path, *, fsync: bool) -> None:
        self._stack, self._folder = stack, folder
        self._kinds: dict[str, type[Server]] = {
            "redis": RedisServer,
            "postgres": DurablePostgres if fsync else BenchPostgres,
            "rabbitmq": RabbitServer,
        }
        self._running: dict[str, Server] = {}
        self._embedded: EmbeddedBroker | None = None
        self._numbers = count(1)

    def start(self, name: str) -> Server | EmbeddedBroker:
        """Return the server, started; raises Unavailable where its program is missing."""
        if name == "embedded":
            self._embedded = self._embedded or EmbeddedBroker(self._stack, self._folder / name)
            return self._embedded
        if name not in self._running:
            found = binaries.find_program(name)
            if isinstance(found, binaries.Missing) or found.program is None:
                raise Unavailable(str(found))
            server = self._kinds[name](found.program, self._folder / name)
            self._stack.callback(server.stop)
            server.start()
            self._running[name] = server
        return self._running[name]

    def pids_besides(self, names: tuple[str, ...]) -> list[int]:
        """Return the process ids of the running servers that a measurement does not use."""
        return [server.process.pid for name, server in self._running.items() if name not in names]

    def empty(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return the environment that names an empty place on each of these servers."""
        environment: dict[str, str] = {}
        for name in names:
            server = self.start(name)
            if isinstance(server, RedisServer):
                with contextlib.closing(server.client()) as client:
                    client.flushall()
                environment["REDIS_URL"] = server.url
                environment.setdefault("BROKER_URL", server.url)
            elif isinstance(server, EmbeddedBroker):
                server.empty()
                environment |= {"BROKER_URL": server.url, "BENCH_FOLDER": str(server.home)}
            elif isinstance(server, RabbitServer):
                environment["BROKER_URL"] = server.fresh_url()
            else:
                environment["POSTGRES_URL"] = self._new_database(server)
        return environment

    def _new_database(self, server: Server) -> str:
        """Create a database; drop the one before, whose clients are gone or are sent away."""
        number = next(self._numbers)
        address = f"postgresql://clerk@{HOST}:{server.port}"
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "bench{number - 1}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "bench{number}"')
        return f"{address}/bench{number}"
