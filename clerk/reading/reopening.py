"""A Datasette plugin: follow a database file that is replaced while the server runs.

Datasette opens a file once per thread and keeps the connections, so that after a rename its threads answer from the
old file or from the new one, as it happens. Here each thread looks, before each query, whether the path still leads
to the file that it has open. Datasette finds this module by itself where clerk-tasks is installed; elsewhere a copy
of it in Datasette's --plugins-dir does, for it needs nothing of clerk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasette import hookimpl  # type: ignore[import-untyped]
from datasette.database import Database  # type: ignore[import-untyped]

Query = Callable[[sqlite3.Connection], Any]


class ReopeningDatabase(Database):  # type: ignore[misc]
    """A database file that may be replaced by renaming another one over it; each query sees the whole of one file."""

    def __init__(self, ds: Any, path: str, *, is_mutable: bool) -> None:
        super().__init__(ds, path=path, is_mutable=is_mutable)
        self._of_thread = threading.local()

    async def execute_fn(self, fn: Query) -> Any:
        """Call `fn` with a connection to the file that is there now: Datasette 0.65's way to every query."""
        return await super().execute_fn(self._on_the_file(fn))

    async def _execute_fn(self, fn: Query) -> Any:  # Datasette 1.0's
        return await super()._execute_fn(self._on_the_file(fn))

    def _on_the_file(self, fn: Query) -> Query:
        def call(connection: sqlite3.Connection) -> Any:
            ours = self._connection()
            if connection is not ours:
                connection.close()  # Datasette's own would keep the file that it opened on the disk
            return fn(ours)

        return call

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection, a new one if the path leads to another file than it did."""
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
