"""Private Redis, PostgreSQL and RabbitMQ servers for tests: each in a folder and on a port of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devtools.processes import Program, wait_for

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a TCP port of localhost that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def postgres_answers(port: int) -> bool:
    """Return whether PostgreSQL, or a pooler in front of it, serves clients on a port of localhost."""
    try:
        psycopg.connect(host=HOST, port=port, user="clerk", dbname="postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


class Server(ABC):
    """A server that a test may kill, pause and start again; its data stays in `folder`."""

    def __init__(self, program: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.process = Program(
            self.command(program), log=folder / "server.log", env=self.environment(), last_words=self.last_words
        )

    url: str
    last_words = signal.SIGKILL

    @abstractmethod
    def command(self, program: Path) -> list[str | Path]:
        """Return the command line that runs the server in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server serves clients right now."""

    def environment(self) -> dict[str, str]:
        """Return the server's whole environment."""
        return dict(os.environ)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.process.start()
        wait_for(self._ready, f"{self.process} serves", deadline=60, logs=lambda: self.process.log)

    def _ready(self) -> bool:
        assert self.process.alive, f"{self.process} ended\n{self.process.log}"
        return self.answers()

    def kill(self) -> None:
        """`kill -9` it and its children, as a power loss would."""
        self.process.destroy()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it for good; nothing of it stays alive."""
        self.process.stop()


class RedisServer(Server):
    """Redis or Valkey, with an append-only file, so that it may be killed and started again."""

    def command(self, program: Path) -> list[str | Path]:
        """Return the command line that runs the server in the foreground."""
        where = ["--bind", HOST, "--port", str(self.port), "--dir", str(self.folder)]
        return [program, *where, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]

    @property
    def url(self) -> str:  # type: ignore[override]
        """The address of database 0."""
        return f"redis://{HOST}:{self.port}/0"

    def client(self) -> redis.Redis:
        """Return a client; close it."""
        return redis.Redis(port=self.port, host=HOST, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def answers(self) -> bool:
        """Whether the server serves clients right now."""
        try:
            with contextlib.closing(self.client()) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class PostgresServer(Server):
    """PostgreSQL without fsync; started as root, it runs as nobody of a user namespace of its own."""

    last_words = signal.SIGQUIT  # at once, yet without leaving its shared memory to the machine

    def __init__(self, program: Path, folder: Path) -> None:
        super().__init__(program, folder)
        if not (self.data / "PG_VERSION").exists():
            options = ["--auth=trust", "--username=clerk", "--no-sync", "--encoding=UTF8", "--locale=C"]
            initdb = [*self.as_user(), str(program.parent / "initdb"), "-D", str(self.data), *options]
            subprocess.run(initdb, check=True, capture_output=True, timeout=60)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def url(self) -> str:  # type: ignore[override]
        """The address of the maintenance database."""
        return f"postgresql+psycopg://clerk@{HOST}:{self.port}/postgres"

    @staticmethod
    def as_user() -> list[str]:
        """Return what makes a program think that it is not run by root, which PostgreSQL rejects."""
        return ["unshare", "--user", "--"] if os.geteuid() == 0 else []

    def command(self, program: Path) -> list[str | Path]:
        """Return the command line that runs the server in the foreground."""
        settings = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",  # a kill loses nothing; only a power loss would
            "full_page_writes": "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "dynamic_shared_memory_type": "mmap",  # in the data directory, so that a killed server leaves none behind
            "autovacuum": "off",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "1h",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*self.as_user(), program, "-D", self.data, *options]

    def answers(self) -> bool:
        """Whether the server serves clients right now."""
        return postgres_answers(self.port)

    def start(self) -> None:
        """Start it, after a kill too, and wait until it serves."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        super().start()


class RabbitServer(Server):
    """RabbitMQ with a stock of virtual hosts, and an epmd of its own that listens to localhost only."""

    #: How many virtual hosts are made at a time; the management API, which makes single ones, boots for 9 s.
    STOCK = 10

    def __init__(self, program: Path, folder: Path) -> None:
        self.distribution_port = free_port()
        self.epmd_port = free_port()
        self._cookie = secrets.token_hex(8)
        self._vhosts: list[str] = []
        self._used = 0
        super().__init__(program, folder)
        self._ctl = program.with_name("rabbitmqctl")
        epmd = ["epmd", "-address", HOST, "-port", str(self.epmd_port)]
        self._epmd = Program(epmd, log=folder / "epmd.log", env=dict(os.environ))

    @property
    def url(self) -> str:  # type: ignore[override]
        """The address of the default virtual host."""
        return self.url_of("%2F")

    def url_of(self, vhost: str) -> str:
        """Return the address of a virtual host."""
        return f"amqp://guest:guest@{HOST}:{self.port}/{vhost}"

    def fresh_url(self) -> str:
        """Return the address of a virtual host that nobody has used."""
        if self._used == len(self._vhosts):
            self._restock()
        self._used += 1
        return self.url_of(self._vhosts[self._used - 1])

    def _restock(self) -> None:
        names = [f"t{number}" for number in range(self._used, self._used + self.STOCK)]
        add = 'rabbit_vhost:add(<<"NAME">>, <<"t">>), '
        allow = 'rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"NAME">>, A, A, A, <<"t">>)'
        script = 'A = <<".*">>, ' + ", ".join((add + allow).replace("NAME", name) for name in names) + "."
        command = [str(self._ctl), "--erlang-cookie", self._cookie, "eval", script]
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=self.process.env)
        self._vhosts += names

    def command(self, program: Path) -> list[str | Path]:
        """Return the command line that runs the server in the foreground."""
        return [program]

    def environment(self) -> dict[str, str]:
        """Return the server's whole environment."""
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = {HOST}:{self.port}\n"
            "disk_free_limit.absolute = 50MB\nlog.console.level = warning\n"
        )
        kernel = f"-kernel inet_dist_use_interface {{127,0,0,1}} -setcookie {self._cookie}"
        return {
            **os.environ,
            "HOME": str(self.folder),
            "RUNNING_UNDER_SYSTEMD": "1",  # the script then becomes the server, and a signal reaches it
            "RABBITMQ_BASE": str(self.folder),
            "RABBITMQ_NODENAME": f"t{self.distribution_port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": kernel,
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self.epmd_port),
        }

    def answers(self) -> bool:
        """Whether the server serves clients right now."""
        try:
            with socket.create_connection((HOST, self.port), 1):
                return True  # it listens last, once everything else is up
        except OSError:
            return False

    def start(self) -> None:
        """Start it, and its epmd, and wait until it serves."""
        if not self._epmd.alive:
            self._epmd.start()
        super().start()

    def stop(self) -> None:
        """End it for good; nothing of it stays alive."""
        super().stop()
        self._epmd.stop()
