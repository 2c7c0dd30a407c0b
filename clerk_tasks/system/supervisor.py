"""Run workers and beat in one terminal: prefix their output with their names, restart those that exit, end all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

import sqlalchemy as sa

from clerk.database.engine import engine
from clerk.database.migrate import upgrade
from clerk.database.schema_version import ensure_usable
from clerk.database.transactions import reading
from clerk.errors import DatabaseUnavailable
from clerk.settings import settings
from clerk.visible import visible, visible_json
from clerk_tasks.broker import embedded
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.leases import was_drained
from clerk_tasks.restarts import RestartPause
from clerk_tasks.system.end_with_parent import PARENT

#: How long a process may take to exit after its jobs' grace period, in seconds.
EXTRA_GRACE = 30.0


def plan(concurrency: int | None) -> dict[str, list[str]]:
    """Return {name: arguments of `clerk-tasks`}: one worker for each pool that sets its own size, one for the rest."""
    pools = registry().pools.values()
    sized = {
        f"worker {pool.name}": ["worker", pool.name, "-c", str(pool.concurrency)] for pool in pools if pool.concurrency
    }
    shared = [pool.name for pool in pools if not pool.concurrency]
    size = ["-c", str(concurrency)] if concurrency else []
    return {**({"worker": ["worker", *shared, *size]} if shared else {}), **sized, "beat": ["beat"]}


@dataclass(slots=True)
class KeptProcess:
    """One process that is kept running."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    pause: RestartPause = field(default_factory=RestartPause)
    restart_at: float = 0.0
    drained: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str, str], None] = field(default_factory=lambda: _say)

    def keep(self) -> None:
        """Start the process if it is due; notice that it has exited."""
        moment = time.monotonic()
        if self.drained:
            return
        if self.process is None:
            if moment >= self.restart_at:
                try:
                    self._start(moment)
                except OSError as error:  # no memory or no process is left
                    self._again(moment, f"cannot be started: {error}")
        elif (code := self.process.poll()) is not None:
            pid, self.process = self.process.pid, None
            if code == 0 and (drained := _was_drained(pid)):
                self.drained = drained
                self.say(self.name, "was drained, and is not started again; a new `up` starts it")
            else:
                self._again(moment, f"exited with code {code}")

    def _again(self, moment: float, what: str) -> None:
        pause = self.pause.after(moment - self.started_at)
        self.restart_at = moment + pause
        self.say(self.name, f"{what}; restarting in {pause:g} s")

    def _start(self, moment: float) -> None:
        self.started_at = moment
        self.process = subprocess.Popen(
            # -P: nothing that lies in the working directory is imported.
            [sys.executable, "-P", "-m", "clerk_tasks", *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops the others
            env={**os.environ, **self.environment, PARENT: str(os.getpid())},
        )
        threading.Thread(target=_copy, args=(self.name, self.process, self.say), daemon=True).start()


def _was_drained(pid: int) -> bool:
    """Return whether an operator asked a worker of this machine to end; False while the database is away."""
    with suppress(DatabaseUnavailable), reading() as connection:
        return was_drained(connection, socket.gethostname(), pid)
    return False


def run(commands: Mapping[str, Sequence[str]]) -> signal.Signals:
    """Keep the processes running until SIGINT or SIGTERM, then end them gracefully; return that signal."""
    return keep_running([KeptProcess(name, arguments) for name, arguments in commands.items()])


def keep_running(
    children: list[KeptProcess],
    *,
    look: Callable[[], None] = lambda: None,
    say: Callable[[str, str], None] | None = None,
) -> signal.Signals:
    """Keep processes running as `run` does; `look` is called twice a second, and may change the list."""
    say = say or _say
    _create_if_empty(say)
    ensure_usable(engine())
    over, received = threading.Event(), list[signal.Signals]()

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with ExitStack() as attached:
        if settings().broker_url is None:
            attached.enter_context(embedded.attached())
        while not over.is_set():
            for child in children:
                child.keep()
            over.wait(0.5)
            look()
        _end(children, say)
    return signal.SIGINT if signal.SIGINT in received else signal.SIGTERM


def _create_if_empty(say: Callable[[str, str], None]) -> None:
    """Create the tables of an empty database; an older one needs `db upgrade`, which backs it up."""
    with reading(engine()) as connection:
        empty = not sa.inspect(connection).get_table_names()
    if empty:
        say("up", f"creating the database {upgrade().database}")


def _end(children: Sequence[KeptProcess], say: Callable[[str, str], None]) -> None:
    alive = [child.process for child in children if child.process is not None]
    say("up", f"stopping; running jobs have {settings().shutdown_grace:g} s to finish")
    for process in alive:
        process.send_signal(signal.SIGTERM)
    give_up = time.monotonic() + settings().shutdown_grace + EXTRA_GRACE
    for process in alive:
        try:
            process.wait(max(0.1, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _copy(name: str, process: subprocess.Popen[str], say: Callable[[str, str], None]) -> None:
    assert process.stdout is not None, "it was opened with a pipe"  # noqa: S101
    for line in process.stdout:
        say(name, line.rstrip("\n"))


def _say(name: str, line: str) -> None:
    if settings().log_format == "text":
        print(f"{name:16} | {visible(line)}", flush=True)  # noqa: T201
        return
    if not line.startswith("{"):  # not a line of a program's log
        said = {"timestamp": datetime.now(UTC).isoformat(), "level": "INFO", "logger": name, "message": line}
        line = visible_json(said, indent=None)
    print(visible(line), flush=True)  # noqa: T201
