"""A plugin that kills a worker's child before or after a commit: the one whose number is in `{EFFECTS}.crash`.

Every commit that any child makes is two boundaries, which are numbered in the order in which they are come to, and
leave a line each in `{EFFECTS}.boundaries`. Without the file `{EFFECTS}.crash` nothing is counted.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Dialect, Engine, event

from clerk import current_job, hookimpl

WRITES = ("INSERT", "UPDATE", "DELETE")
#: How long each line of `{EFFECTS}.boundaries` is, so that a place in the file is a number.
LINE = 100
#: The worker's parent imports this before it has named itself; its children inherit the name.
IN_CHILD = "CLERK_INSTANCE" in os.environ


def boundary(what: str) -> None:
    """Count a boundary, and die if it is the one."""
    crash = Path(os.environ["EFFECTS"] + ".crash")
    if not crash.exists():
        return
    line = f"{what} by {os.getpid()} in {current_job().job_id}".ljust(LINE - 1)[: LINE - 1] + "\n"
    descriptor = os.open(os.environ["EFFECTS"] + ".boundaries", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    number = os.lseek(descriptor, 0, os.SEEK_CUR) // LINE
    os.close(descriptor)
    if number == int(crash.read_text()):
        os.kill(os.getpid(), signal.SIGKILL)


class SqliteCursor(sqlite3.Cursor):
    """A cursor that tells of its commits; a lone statement is committed when it is finished with."""

    lone: str | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> SqliteCursor:
        word = sql.split(None, 1)[0]
        if word in WRITES and not self.connection.in_transaction:
            self.lone = word
        if word == "COMMIT" or self.lone:
            boundary(f"before {word}")
        super().execute(sql, parameters)
        if word == "COMMIT":
            boundary(f"after {word}")
        return self

    def close(self) -> None:
        super().close()
        if self.lone:
            boundary(f"after {self.lone}")
            self.lone = None


class SqliteConnection(sqlite3.Connection):
    """A connection that tells of its commits."""

    def cursor(self, factory: Any = SqliteCursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        boundary("before commit()")
        super().commit()
        boundary("after commit()")


class PostgresCursor(psycopg.Cursor[Any]):
    """A cursor that tells of its commits."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> PostgresCursor:
        word = str(query).split(None, 1)[0]
        idle = self.connection.autocommit and self.connection.info.transaction_status == TransactionStatus.IDLE
        if word != "COMMIT" and not (word in WRITES and idle):
            return super().execute(query, *args, **kwargs)
        boundary(f"before {word}")
        super().execute(query, *args, **kwargs)
        boundary(f"after {word}")
        return self


class PostgresConnection(psycopg.Connection[Any]):
    """A connection that tells of its commits."""

    def commit(self) -> None:
        boundary("before commit()")
        super().commit()
        boundary("after commit()")


def connect(dialect: Dialect, _record: Any, words: Any, options: dict[str, Any]) -> Any:
    """Connect as SQLAlchemy would, with connections of ours."""
    if dialect.name == "sqlite":
        return sqlite3.connect(*words, **options, factory=SqliteConnection)
    return PostgresConnection.connect(*words, **options, cursor_factory=PostgresCursor)


if IN_CHILD:
    event.listen(Engine, "do_connect", connect)


class CrashPoints:
    """The plugin; it needs a hook to be one."""

    @hookimpl
    def register_schedules(self) -> list[Any]:
        """Contribute nothing."""
        return []
