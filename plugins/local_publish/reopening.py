"""A Datasette plugin: follow a database file that is replaced while the server runs.

Datasette opens a file once per thread and keeps the connections, so that after a rename its threads answer from the
old file or from the new one, as it happens. Here each thread looks, before each query, whether the path still leads
to the file that it has open. Datasette finds this module by itself where clerk-tasks is installed; elsewhere a copy
of it in Datasette's --plugins-dir does, for it needs nothing of clerk.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasette import hookimpl  # type: ignore[import-untyped]
from datasette.database import Database  # type: ignore[import-untyped]


class ReopeningDatabase(Database):  # type: ignore[misc]
    """A database file that may be replaced by renaming another one over it; each query sees the whole of one file."""

    def __init__(self, ds: Any, path: str, *, is_mutable: bool) -> None:
        super().__init__(ds, path=path, is_mutable=is_mutable)
        self._of_thread = threading.local()

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        """Call `fn` with a connection to the file that is there now."""

        def call() -> Any:
            return fn(self._connection())

        if self.ds.executor is None:
            return call()
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, call)

    def _connection(self) -> sqlite3.Connection:
        opened, file = getattr(self._of_thread, "opened", (None, None))
        with suppress(FileNotFoundError):  # gone for good: then the old one is the best that there is
            status = Path(self.path).stat()
            if opened is None or file != (status.st_dev, status.st_ino):
                opened = self._reopen(opened)
                self._of_thread.opened = (opened, (status.st_dev, status.st_ino))
        return opened or self._reopen(None)

    def _reopen(self, old: sqlite3.Connection | None) -> sqlite3.Connection:
        connection: sqlite3.Connection = self.connect()
        self.ds._prepare_connection(connection, self.name)
        if old is not None:
            # What Datasette remembers of an immutable file.
            self.cached_hash = self.cached_size = self._cached_table_counts = None
            with suppress(ValueError):
                self._all_file_connections.remove(old)
            old.close()
        return connection


@hookimpl  # type: ignore[untyped-decorator]
def startup(datasette: Any) -> None:
    """Put a reopening database in the place of each file that is served."""
    for name, database in list(datasette.databases.items()):
        if type(database) is Database and database.path:
            datasette.remove_database(name)
            reopening = ReopeningDatabase(datasette, database.path, is_mutable=database.is_mutable)
            datasette.add_database(reopening, name=name, route=database.route)
