"""Break our fleet and one of bare Celery with acks_late in the same ways; print what became of the jobs of each."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pytest  # noqa: E402

from devtools import binaries, bombs_plugin, soak_plugin  # noqa: E402
from devtools.bare_fleet import BareFleet  # noqa: E402
from devtools.breakable import BreakableServer  # noqa: E402
from devtools.chaos import FAULTS, NO_FAULT, POISON, Fault, Fleet  # noqa: E402
from devtools.processes import Programs, wait_for  # noqa: E402
from devtools.services import RabbitServer, RedisServer  # noqa: E402
from devtools.soak import ClerkFleet  # noqa: E402
from devtools.system import System  # noqa: E402

JOBS = 12
SECONDS = 0.5  # of each job
HEAD = "| fault | system | jobs with their effect | twice or more | attempts begun | workers alive | all done after |"


def main() -> None:
    """Print a row for each fault and system."""
    options = parse()
    say(f"broker {options.broker}, SQLite, {JOBS} jobs of {SECONDS} s, two workers, at most {options.deadline:g} s\n")
    say(f"{HEAD}\n|---|---|---:|---:|---:|---:|---:|")
    for fault in (NO_FAULT, *FAULTS, POISON):
        for make in (clerk, bare):
            with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="clerk-bench-") as folder:
                fleet = stack.enter_context(make(Path(folder), options.broker))
                say(f"| {fault.name} | {make.__name__} | {meet(fleet, fault, options.deadline)} |")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench faults", description=__doc__)
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], default="redis")
    parser.add_argument("--deadline", type=float, default=40, help="how long a fleet may take to recover, in seconds")
    return parser.parse_args()


@dataclass(frozen=True)
class Outcome:
    """What became of the jobs of one fleet that met one fault."""

    effects: Counter[str]
    began: int
    alive: int
    seconds: float | None

    def __str__(self) -> str:
        """Return the cells of a row."""
        done, twice = len(self.effects), sum(count > 1 for count in self.effects.values())
        back = "never" if self.seconds is None else f"{self.seconds:.1f} s"
        return f"{done} of {JOBS} | {twice} | {self.began} | {self.alive} of 2 | {back}"


def meet(fleet: Fleet, fault: Fault, deadline: float) -> Outcome:
    """Inject a fault into a working fleet, heal it, and wait until every job has had its effect."""
    jobs = [fleet.enqueue(SECONDS) for _ in range(JOBS)]
    wait_for(lambda: fleet.began(), "the first job begins", deadline=60, logs=fleet.programs.logs)
    heal = fault.inject(fleet, Random(1))  # noqa: S311
    healed_at = time.monotonic() + fault.lasts
    wait_for(lambda: time.monotonic() >= healed_at, "the fault has lasted", deadline=fault.lasts + 5)
    heal()
    healed_at = time.monotonic()
    seconds = time.monotonic() - healed_at if seen(fleet, jobs, deadline) else None
    # Whatever was delivered again stands before this one, which takes longer than any of them.
    seen(fleet, [fleet.enqueue(2 * SECONDS)], deadline)
    effects = Counter({job: count for job, count in fleet.effects().items() if job in jobs})
    return Outcome(effects, fleet.began(), sum(worker.alive for worker in fleet.workers), seconds)


def seen(fleet: Fleet, jobs: list[str], deadline: float) -> bool:
    """Wait for the effect of each of the jobs; return whether they all came."""
    try:
        wait_for(lambda: set(jobs) <= set(fleet.effects()), "every job has its effect", deadline=deadline)
    except AssertionError:  # that it never came is the finding
        return False
    return True


@contextmanager
def fleet_on(folder: Path, broker: str) -> Iterator[tuple[BreakableServer, Programs, pytest.MonkeyPatch]]:
    """Start a broker and an environment for one fleet."""
    found = binaries.find_program(broker)
    if isinstance(found, binaries.Missing) or found.program is None:
        sys.exit(f"{broker}: {found}")
    server = (RabbitServer if broker == "rabbitmq" else RedisServer)(found.program, folder / "broker")
    programs = Programs(folder)
    with pytest.MonkeyPatch.context() as environment:
        for name in ("DATABASE_URL", "REDIS_URL"):
            environment.delenv(name, raising=False)
        environment.setenv("BROKER_URL", server.url)
        environment.setenv("CLERK_HOME", str(folder / "home"))
        environment.setenv("EFFECTS", str(folder / "effects"))
        environment.setenv("PYTHONPATH", str(ROOT))
        environment.chdir(folder)
        server.start()
        try:
            yield BreakableServer(server), programs, environment
        finally:
            programs.stop()
            server.stop()


@contextmanager
def clerk(folder: Path, broker: str) -> Iterator[Fleet]:
    """Start two of our workers."""
    from clerk.application import application
    from clerk.database.migrate import upgrade

    with fleet_on(folder, broker) as (breakable, programs, environment):
        environment.setenv("DATABASE_URL", f"sqlite:///{folder}/civic.db")
        application.close()
        upgrade()
        system = System(programs, os.environ["DATABASE_URL"], folder, environment)
        for module in (soak_plugin, bombs_plugin):
            system.add_plugin(module)
        fleet = ClerkFleet(system, breakable)
        yield two_workers(fleet)
        application.close()


@contextmanager
def bare(folder: Path, broker: str) -> Iterator[Fleet]:
    """Start two workers of bare Celery."""
    with fleet_on(folder, broker) as (breakable, programs, _):
        yield two_workers(BareFleet(programs, breakable, breakable.server.url, folder / "effects"))


def two_workers(fleet: Fleet) -> Fleet:
    """Start them."""
    for _ in range(2):
        fleet.start_worker()
    return fleet


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
