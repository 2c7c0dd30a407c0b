"""Give a test its own settings, database, storage and plugins, for the length of a with block."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from clerk.application import application
from clerk.database.engine import engine
from clerk.database.migrate import upgrade
from clerk.errors import ClerkError
from clerk.plugin.loader import plugins
from clerk.settings import Settings, settings, variables
from clerk_tasks.broker.publisher import Publisher, publisher
from clerk_tasks.ledger.insert import Message
from clerk_tasks.testing.clock import DatabaseClock

#: The settings of the surroundings that a test keeps: where its plugins are.
_KEPT = ("CLERK_PLUGINS_DIR",)


class SilentPublisher(Publisher):
    """A publisher without a broker: a test's worker looks for work by itself."""

    def __init__(self) -> None:
        super().__init__("")

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish nothing."""

    def depth(self, name: str) -> int:
        """Return that no message waits."""
        return 0


@contextmanager
def own_environment(
    folder: Path,
    *,
    clock: DatabaseClock,
    database_url: str | None,
    given: Mapping[str, str],
    added: Sequence[object],
) -> Iterator[None]:
    """Use a new SQLite database in `folder`, or the migrated one at `database_url`, and a storage of its own.

    No variable of the surroundings and no `.env` changes a setting; `given` does. The plugins are those that a program
    would load here, and `added`.
    """
    before = os.environ.copy()
    application.close()
    try:
        for name in set(variables()) - set(_KEPT):
            os.environ.pop(name, None)
        os.environ |= {
            "DATABASE_URL": database_url or _new_database(folder / "civic.db"),
            "STORAGE_DIR": str(folder / "sites"),
            "CLERK_HOME": str(folder / "clerk-home"),
            "CLERK_FETCH_PRIVATE_HOSTS": "127.0.0.1",  # where a Website is
            **given,
        }
        application.put(settings, Settings(_env_file=None))
        application.put(publisher, SilentPublisher())
        clock.govern(engine())
        for plugin in added:
            add_plugin(plugin)
        yield
    finally:
        application.close()
        os.environ.clear()
        os.environ.update(before)


def add_plugin(plugin: object) -> None:
    """Register a plugin, an instance or a class; ClerkError says what is wrong with it."""
    kind = plugin if isinstance(plugin, type) else type(plugin)
    found = plugins()
    before = found.quarantined
    found.add(kind() if plugin is kind else plugin, name=kind.__name__, source="test", where=kind.__module__)
    if wrong := found.quarantined[len(before) :]:
        raise ClerkError("; ".join(map(str, wrong)))


def _new_database(path: Path) -> str:
    path.write_bytes(_empty_database())
    return f"sqlite:///{path}"


@cache
def _empty_database() -> bytes:
    """Return a migrated SQLite database, made once a process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "civic.db")
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()
