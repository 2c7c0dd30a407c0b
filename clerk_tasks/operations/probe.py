"""Answer the probes of a container in a moment: without SQLAlchemy and kombu, which take longer to import than that."""

from __future__ import annotations

import importlib
import os
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

import psutil

from clerk.database.schema_stamp import SchemaStamp
from clerk.errors import BrokerUnavailable, ClerkError, DatabaseUnavailable, SettingError, UnavailableError
from clerk.redaction import redact
from clerk.settings import settings
from clerk_tasks.broker import embedded
from clerk_tasks.operations.broker_ping import ping
from clerk_tasks.operations.level import BEAT_SILENCE, Level

Answer = TypeVar("Answer")

_BEAT_SEEN = "beat_seen_at"


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found; the level is the exit code."""

    level: Level
    detail: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of itself and of the workers of one host; times in seconds."""

    stamp: SchemaStamp
    silence: dict[int, float]  # process id -> since its last heartbeat, of those that have not stopped
    beat_silence: float | None  # None: no beat has ever ticked
    is_read_only: bool = False  # it takes no heartbeats


class Question(Generic[Answer]):
    """A question that is asked in a thread: a server that does not answer costs no more than the patience."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._answers: SimpleQueue[Answer | Exception] = SimpleQueue()
        self._asked = time.monotonic()
        Thread(target=self._run, args=(ask,), daemon=True).start()

    def _run(self, ask: Callable[[], Answer]) -> None:
        try:
            self._answers.put(ask())
        except Exception as error:
            self._answers.put(error)

    def answer(self, patience: float) -> Answer:
        """Return the answer, or raise what asking raised; UnavailableError `patience` seconds after the question."""
        try:
            answer = self._answers.get(timeout=max(self._asked + patience - time.monotonic(), 0.0))
        except Empty:
            raise UnavailableError(f"no answer within {patience:g} s") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


def probe_live(patience: float, *, beat: bool = False) -> Probed:
    """Return whether this host's processes deserve to go on: a restart would help those that do not.

    They do not if the settings cannot be read, or if the database answers and knows of a worker process of this host
    which runs and has been silent for twice CLERK_LEASE; with `beat`, also if no beat has ticked for 90 s. A database
    that is read-only, or does not answer within `patience` seconds, says nothing of them. The broker is not asked.
    """
    try:
        lease, question = settings().lease, Question(_reader())
        os.getcwd()  # noqa: PTH109 - a worker whose folder is gone runs no job
    except (ClerkError, OSError) as error:
        return Probed(Level.DOWN, redact(f"not live: {error}"))
    try:
        facts = question.answer(patience)
    except Exception as error:
        return Probed(Level.OK, redact(f"live, as far as can be seen without the database: {_one_line(error)}"))
    if facts.is_read_only:
        return Probed(Level.OK, "live, as far as can be seen: the database is read-only")
    silent = [pid for pid, silence in facts.silence.items() if silence > 2 * lease and _is_as_old(pid, silence)]
    if silent:
        return Probed(Level.ATTENTION, f"not live: no heartbeat for {2 * lease:g} s of process {silent[0]}")
    if beat and (facts.beat_silence is None or facts.beat_silence > BEAT_SILENCE.total_seconds()):
        return Probed(Level.ATTENTION, f"not live: no beat has ticked for {BEAT_SILENCE.seconds} s")
    return Probed(Level.OK, "live")


def probe_ready(patience: float) -> Probed:
    """Return whether work can be recorded and published: the database can be used, and the broker answers.

    Both have `patience` seconds to answer.
    """
    try:
        database, broker = Question(_reader()), Question(_ask_broker)
        facts = database.answer(patience)
        problem = facts.stamp.problem() or ("is read-only" if facts.is_read_only else None)
    except Exception as error:
        return Probed(Level.DOWN, redact(f"not ready: the database: {_one_line(error)}"))
    if problem:
        return Probed(Level.DOWN, f"not ready: the database {problem}")
    try:
        broker.answer(patience)
    except Exception as error:
        return Probed(Level.ATTENTION, redact(f"not ready: the broker: {_one_line(error)}"))
    return Probed(Level.OK, "ready")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _is_as_old(pid: int, seconds: float) -> bool:
    """Return whether a process runs and is older than that: a younger one only has the number of one that is gone."""
    try:
        return time.time() - psutil.Process(pid).create_time() > seconds
    except psutil.Error:
        return False


def _ask_broker() -> None:
    """Raise BrokerUnavailable or OSError unless the broker answers."""
    url = settings().broker_url
    if url is not None:
        ping(url)
    elif not embedded.is_running():
        raise BrokerUnavailable("the embedded broker is not running")


def _reader() -> Callable[[], Facts]:
    """Return what reads the database of DATABASE_URL; SettingError if that is no address."""
    scheme, separator, path = settings().database_url.partition("://")
    if not (separator and scheme.startswith(("sqlite", "postgres"))):
        raise SettingError("DATABASE_URL is not a database address, such as sqlite:///civic.db")
    if scheme.startswith("sqlite"):
        return partial(_read_sqlite, path)
    return partial(_read_postgresql, f"postgresql://{path}")


def _read_sqlite(path: str) -> Facts:
    file = Path(path.removeprefix("/").partition("?")[0])
    if not file.exists():
        raise DatabaseUnavailable(f"there is no {file}: run `clerk-tasks db upgrade`, or check DATABASE_URL")
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return _gather(partial(_rows, connection), tables, place="?", clock="strftime('%Y-%m-%d %H:%M:%f', 'now')")


def _read_postgresql(address: str) -> Facts:
    driver = importlib.import_module("psycopg")  # on demand: it takes a tenth of a second
    with driver.connect(address, autocommit=True, prepare_threshold=None) as connection:
        known = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"
        tables = {name for (name,) in connection.execute(known)}
        facts = _gather(partial(_rows, connection), tables, place="%s", clock="CURRENT_TIMESTAMP")
        return replace(facts, is_read_only=_rows(connection, "SHOW transaction_read_only") == [("on",)])


def _rows(connection: Any, query: str, *values: object) -> list[Any]:
    """Return what a query finds, through either driver."""
    return list(connection.execute(query, values).fetchall())


def _gather(ask: Callable[..., list[Any]], tables: set[str], *, place: str, clock: str) -> Facts:
    """Ask a database; `place` is how its driver writes a parameter, `clock` how it is asked for the time."""
    revisions = ask("SELECT version_num FROM alembic_version") if "alembic_version" in tables else []
    meta = dict(ask("SELECT key, value FROM clerk_meta")) if "clerk_meta" in tables else {}
    rows = []
    if "workers" in tables:
        query = f"SELECT pid, seen_at, stopped_at FROM workers WHERE hostname = {place} ORDER BY started_at"  # noqa: S608
        rows = ask(query, socket.gethostname())
    (current,) = ask(f"SELECT {clock}")[0]
    newest = {pid: (seen_at, stopped_at) for pid, seen_at, stopped_at in rows}  # of the starts with one number
    return Facts(
        SchemaStamp.of([revision for (revision,) in revisions], meta),
        {pid: _seconds(current, seen_at) for pid, (seen_at, stopped_at) in newest.items() if stopped_at is None},
        _seconds(current, meta[_BEAT_SEEN]) if _BEAT_SEEN in meta else None,
    )


def _seconds(current: object, earlier: object) -> float:
    return (_moment(current) - _moment(earlier)).total_seconds()


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
