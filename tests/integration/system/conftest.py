"""A system on SQLite and the embedded broker, or on whatever else a test is parametrised with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.system.system import System
from tests.support.plugin_files import imports_undone
from tests.support.processes import Programs
from tests.support.services import RedisServer


@pytest.fixture
def system(programs: Programs, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Return the system as it is by default: SQLite, embedded broker."""
    yield from _system(programs, sqlite_url, tmp_path, monkeypatch)


@pytest.fixture
def every_system(
    programs: Programs, broker_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    """Return the system on every broker and every database in turn."""
    yield from _system(programs, database_url, tmp_path, monkeypatch)


@pytest.fixture
def private_system(
    programs: Programs, sqlite_url: str, private_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    """Return the system on SQLite and a Redis that the test may break."""
    monkeypatch.setenv("BROKER_URL", private_redis.url)
    yield from _system(programs, sqlite_url, tmp_path, monkeypatch)


def _system(programs: Programs, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    with imports_undone(folder):
        made = System(programs, url, folder, monkeypatch)
        yield made
        made.check()
        made.engine.dispose()
