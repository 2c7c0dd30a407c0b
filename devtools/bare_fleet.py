"""A fleet of bare Celery workers, with what a comparison asks of a fleet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from celery import Celery

from devtools.breakable import BreakableBroker
from devtools.chaos import Fleet
from devtools.processes import Programs, script


class BareFleet(Fleet):
    """Workers of `bare_celery`, started as its documentation says."""

    def __init__(self, programs: Programs, broker: BreakableBroker, url: str, effects_file: Path) -> None:
        super().__init__(programs, broker)
        self.url, self.effects_file = url, effects_file
        self._app = Celery("sender", broker=url)
        self._app.conf.task_default_queue = "default"
        self._sent: list[tuple[str, str, list[Any]]] = []

    def start_worker(self) -> None:
        """Start one more worker and wait until it takes jobs."""
        number = len(self.workers)
        options = ["-c", "2", "-l", "INFO", "-n", f"w{number}@%h", "--without-mingle", "--without-gossip"]
        worker = self.programs.run(script("celery"), "-A", "devtools.bare_celery", "worker", *options)
        worker.wait_for_log("ready", deadline=60)
        self.workers.append(worker)

    def broker_url(self) -> str:
        """Return the broker's address."""
        return self.url

    def enqueue(self, seconds: float) -> str:
        """Send a task that takes so long."""
        return self._send("nap", [seconds])

    def poison(self) -> None:
        """Send a task that kills its process."""
        self._send("dies", [])

    def _send(self, name: str, arguments: list[Any]) -> str:
        full_name = f"devtools.bare_celery.{name}"
        sent = self._app.send_task(full_name, arguments)
        self._sent.append((str(sent.id), full_name, arguments))
        return str(sent.id)

    def redeliver(self, rng: Random) -> None:
        """Send some of the messages again, as they were."""
        for task_id, name, arguments in rng.sample(self._sent, min(10, len(self._sent))):
            for _ in range(3):
                self._app.send_task(name, arguments, task_id=task_id)

    def effects(self) -> Counter[str]:
        """Return how often each task had its effect."""
        return Counter(line.split()[1] for line in self._lines(""))

    def began(self) -> int:
        """Return how many attempts have begun."""
        return len(self._lines(".began"))

    def _lines(self, file: str) -> list[str]:
        path = Path(f"{self.effects_file}{file}")
        return path.read_text().splitlines() if path.exists() else []
