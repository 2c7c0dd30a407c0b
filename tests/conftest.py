"""Every test runs in a folder and an environment of its own; the report says which servers were found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from clerk.application import application
from devtools.binaries import SERVICES, find, required
from tests.parameters import parameters

pytest_plugins = ("tests.fixtures", "clerk_tasks.testing.pytest_plugin")

# How fast a busy machine is proves nothing.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

#: Variables of the surrounding environment that must not affect the tests.
OURS = ("CLERK_", "DATABASE_URL", "BROKER_URL", "REDIS_URL", "STORAGE_DIR", "CELERY_", "C_FORCE_ROOT", "NO_COLOR")


def pytest_report_header() -> list[str]:
    """Say where each server comes from."""
    needed = required()
    return [f"{find(service)}{' [required]' if service in needed else ''}" for service in SERVICES]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose between brokers and databases, and say how to soak."""
    group = parser.getgroup("clerk")
    group.addoption(
        "--broker", choices=("embedded", "redis", "rabbitmq"), help="only this one, where there is a choice"
    )
    group.addoption("--database", choices=("sqlite", "postgresql"), help="only this one, where there is a choice")
    group.addoption("--minutes", type=float, default=10, help="how long the soak lasts")
    group.addoption("--seed", type=int, help="what the soak's faults are drawn from")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out brokers and databases not asked for; mark the slow; boot RabbitMQ once, in one process, for those."""
    wanted = {"broker_url": config.getoption("broker"), "database_url": config.getoption("database")}
    wanted |= {"own_broker": wanted["broker_url"], "empty_database_url": wanted["database_url"]}

    def is_wanted(item: pytest.Item) -> bool:
        return all(not want or parameters(item).get(name, want) == want for name, want in wanted.items())

    if unwanted := [item for item in items if not is_wanted(item)]:
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if is_wanted(item)]
    for item in items:
        if parameters(item).get("database_url") == "postgresql" and not item.get_closest_marker("every_database"):
            item.add_marker(pytest.mark.slow)
        if parameters(item).get("broker_url") == "rabbitmq" or "rabbitmq_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("rabbitmq"))
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the test an empty working directory and settings of its own."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLERK_HOME", str(tmp_path / "clerk-home"))
    monkeypatch.setenv("CLERK_BOARD_LISTEN", "off")  # the port is one for all tests
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "sites"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    application.close()
    yield
    application.close()
