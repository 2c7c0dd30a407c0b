"""The guard of the unit tests: they need no server, so that they run anywhere within seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

#: A test that uses a server asks for one of these, itself or through other fixtures.
SERVICE_FIXTURES = {"_servers", "broker_url", "database_url", "empty_database_url", "embedded_url"}


def services(item: pytest.Item) -> list[str]:
    """Return the fixtures of a test that start a server."""
    return sorted(SERVICE_FIXTURES & set(getattr(item, "fixturenames", ())))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse unit tests that need a server."""
    unit = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    if wrong := [f"{item.nodeid} uses {', '.join(names)}" for item in unit if (names := services(item))]:
        raise pytest.UsageError("a unit test needs no server: move it to tests/integration\n" + "\n".join(wrong))
