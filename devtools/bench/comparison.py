"""The comparison of task systems: which measurements there are, and in which order they are made."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from devtools.bench import environments, measure
from devtools.bench.environments import Unavailable
from devtools.bench.measure import Bench, Failed, say
from devtools.bench.servers import Servers
from devtools.bench.table import Peer

MEASUREMENTS = ("rates", "enqueue", "batch", "latency", "kill")
LATENCIES = 100
#: How often a measurement that fails is made: on a busy machine a process may end while it is looked at.
TRIES = 2
#: The most lone enqueues of a measurement.
LONE = 2000

Action = Callable[[Bench], Any]
#: What each measurement found, for each round, by the key of its column.
Found = dict[str, list[Any]]


class Comparison:
    """Makes the measurements of all systems that can be installed."""

    def __init__(self, stack: ExitStack, folder: Path, options: argparse.Namespace) -> None:
        self._folder, self._options = folder / "measurement", options
        self._servers = Servers(stack, folder, fsync=options.fsync)
        self._pythons: dict[Peer, Path] = {}
        self.found: dict[Peer, Found] = {}

    def run(self) -> None:
        """Install the systems and measure them; report progress on stderr."""
        for peer in self._options.peers:
            self._install(peer)
        for key, rounds in self._plan():
            for number in range(rounds):
                for peer in self.found:
                    say(f"{key}, round {number + 1} of {rounds}: {peer.name}")
                    self._measure(peer, key)

    def pythons(self) -> dict[Peer, str]:
        """Return the version of Python that each system runs on."""
        return {peer: environments.version_of(python) for peer, python in self._pythons.items()}

    @contextmanager
    def bench(self, peer: Peer) -> Iterator[Bench]:
        """Give a system an empty place, gone with all of its processes at the end of the block."""
        bench = Bench(peer, self._pythons[peer], self._folder, self._servers)
        try:
            yield bench
        finally:
            bench.stop()

    def _install(self, peer: Peer) -> None:
        try:
            for server in peer.servers:
                self._servers.start(server)
            self._pythons[peer] = environments.python_of(peer)
        except Unavailable as error:
            say(f"{peer.name} is left out: {error}")
        else:
            self.found[peer] = defaultdict(list)

    def _plan(self) -> Iterator[tuple[str, int]]:
        """Yield the key of each measurement and its rounds."""
        for name in self._options.measure:
            for key in ("1", "2") if name == "rates" else (name,):
                yield key, 1 if name == "kill" else self._options.rounds

    def _measure(self, peer: Peer, key: str) -> None:
        for _ in range(TRIES):
            try:
                with self.bench(peer) as bench:
                    self.found[peer][key].append(self._action(peer, key)(bench))
                return
            except (Failed, AssertionError, psutil.Error) as error:
                say(f"{peer.name}: {key} failed: {error}")

    def _action(self, peer: Peer, key: str) -> Action:
        options = self._options
        actions: dict[str, Action] = {
            "enqueue": partial(measure.enqueue, action="lone", count=min(options.jobs, LONE)),
            "batch": partial(measure.enqueue, action="batch", count=options.batch),
            "latency": partial(measure.latency, count=LATENCIES),
            "kill": partial(measure.kill, watch=options.watch),
        }
        jobs = max(20, int(options.jobs * peer.share))
        return actions.get(key) or partial(measure.rate, processes=int(key), count=jobs)
