"""A city on a fresh database, with a broker that hears the messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clerk.plugin.loader import plugin_manager
from clerk_tasks.cli.main import main
from tests.integration.pipeline.city import City


@pytest.fixture
def city(sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    """Return the city on SQLite; the ledger's laws hold at the end of every test."""
    yield from _city(sqlite_url, redis_url, tmp_path, monkeypatch)


@pytest.fixture
def every_city(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    """Return the city on each database in turn."""
    yield from _city(database_url, redis_url, tmp_path, monkeypatch)


def _city(url: str, broker: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    monkeypatch.setenv("BROKER_URL", broker)
    made = City(url, folder / "sites")
    plugin_manager().register(made.plugin)
    yield made
    made.check()
    made.close()


@dataclass(frozen=True, slots=True)
class Result:
    """What a command said."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(city: City, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `clerk-tasks` with these arguments."""
    monkeypatch.setattr("sys.argv", ["clerk-tasks"])

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        code = main(arguments)
        return Result(code, *capfd.readouterr())

    return call
