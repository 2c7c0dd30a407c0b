"""Run the whole system for the author of a plugin: short logs, and a new worker when a plugin has changed.

The old worker takes no further job and finishes those that it runs, on the old code, while the new one begins.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from watchfiles import PythonFilter, watch

from clerk.visible import visible, visible_lines
from clerk_tasks.system.supervisor import KeptProcess, keep_running

#: How long an old worker may take to finish its jobs, in seconds.
OLD_WORKERS_GRACE = 3600
_COLOURS = {"WARNING": "33", "ERROR": "31", "CRITICAL": "31"}
#: Lines of Celery's about itself.
_UNSAID = ("celery.", "kombu.", "alembic.")


def run_dev(
    folders: Sequence[Path], *, concurrency: int | None, commands: Mapping[str, Sequence[str]]
) -> signal.Signals:
    """Run a worker of all pools, and `commands`, until SIGINT or SIGTERM; watch the Python files of some folders."""
    size = ["-c", str(concurrency)] if concurrency else []
    reloader = Reloader({"worker": ["worker", *size], **commands})
    over = threading.Event()
    threading.Thread(target=reloader.listen, args=(folders, over), daemon=True).start()
    say("dev", f"watching {', '.join(map(str, folders)) or 'nothing: there is no plugins directory'}")
    reloader.report(find_problems())
    try:
        return keep_running(reloader.children, look=reloader.look, say=say)
    finally:
        over.set()


class Reloader:
    """Begins a new worker for each change, unless the changed file is broken."""

    def __init__(self, commands: Mapping[str, Sequence[str]]) -> None:
        self.children = [self._kept(name, arguments) for name, arguments in commands.items()]
        self._changed: set[Path] = set()
        self._lock = threading.Lock()

    def listen(self, folders: Sequence[Path], over: threading.Event) -> None:
        """Note what changes, until it is over."""
        if not folders:
            return
        for changes in watch(*folders, watch_filter=PythonFilter(), stop_event=over, debounce=200, rust_timeout=500):
            self.changed({Path(name) for _, name in changes})

    def changed(self, paths: set[Path]) -> None:
        """Note that files have changed."""
        with self._lock:
            self._changed |= paths

    def look(self) -> None:
        """Act on what has changed; forget old workers that have ended."""
        self.children[:] = [child for child in self.children if not (child.drained and _has_ended(child))]
        with self._lock:
            paths, self._changed = self._changed, set()
        if paths:
            self._reload(paths)

    def report(self, problems: Sequence[Mapping[str, Any]]) -> None:
        """Say what is wrong with the plugins."""
        for problem in problems:
            say("plugins", f"{problem['name']}: {problem['error']}", level="ERROR")

    def _reload(self, paths: set[Path]) -> None:
        names = ", ".join(sorted({path.name for path in paths}))
        problems = find_problems()
        self.report(problems)
        if any(_is_about(problem, paths) for problem in problems):
            say("dev", f"{names} changed, and has an error: the old code goes on", level="WARNING")
            return
        say("dev", f"{names} changed: a new worker begins, the old one finishes its jobs")
        for child in list(self.children):
            if child.drained or child.process is None:
                continue
            if child.name == "worker":
                child.drained = True  # not started again
                self.children.append(self._kept(child.name, child.arguments))
            child.process.send_signal(signal.SIGTERM)

    def _kept(self, name: str, arguments: Sequence[str]) -> KeptProcess:
        environment = {"CLERK_LOG_FORMAT": "json"}
        if name == "worker":
            environment["CLERK_SHUTDOWN_GRACE"] = str(OLD_WORKERS_GRACE)
        return KeptProcess(name, arguments, environment=environment, say=say)


def _has_ended(child: KeptProcess) -> bool:
    return child.process is None or child.process.poll() is not None


def _is_about(problem: Mapping[str, Any], paths: set[Path]) -> bool:
    return any(str(path) in f"{problem['where']} {problem['error']}" for path in paths)


def find_problems() -> list[dict[str, Any]]:
    """Ask a new process what is wrong with the plugins as they are now."""
    command = [sys.executable, "-P", "-m", "clerk_tasks", "plugins", "check", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except ValueError:
        return [{"name": "clerk-tasks", "where": "", "error": done.stderr.strip()}]
    return found


def say(name: str, line: str, *, level: str = "INFO") -> None:
    """Print a line of a process for a reader: a JSON line of its log becomes time, process, job and message."""
    if not line.strip():
        return
    moment, more = datetime.now(), ""
    try:
        fields = json.loads(line) if line.startswith("{") else None
    except ValueError:
        fields = None
    if isinstance(fields, dict) and "message" in fields:
        level = str(fields.get("level", level))
        if str(fields.get("logger", "")).startswith(_UNSAID) and level == "INFO":
            return
        moment = datetime.fromisoformat(str(fields["timestamp"])).astimezone()
        of = f"{fields['subdomain']} {str(fields['job_id'])[:8]}: " if "job_id" in fields else ""
        line, more = f"{of}{fields['message']}", str(fields.get("exception", ""))
    words = "" if level == "INFO" else f"{level.lower()}: "
    text = f"{moment:%H:%M:%S} {name:8} {visible(f'{words}{line}')}"
    if more:
        text += f"\n{visible_lines(f'    {more}', indent='    ')}"
    print(_coloured(text, level), flush=True)  # noqa: T201


def _coloured(text: str, level: str) -> str:
    on_terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{_COLOURS[level]}m{text}\x1b[0m" if on_terminal and level in _COLOURS else text
