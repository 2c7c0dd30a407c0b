"""A soak: families of jobs that fan out and in, faults at random, and in the end every law and every figure."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import sqlalchemy as sa

from clerk.database.tables import attempts_table, jobs_table, runs_table
from clerk.database.transactions import reading
from clerk.errors import ConflictError, DatabaseUnavailable
from clerk.jobs import JobRequest
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.insert import Message
from devtools.breakable import BreakableBroker
from devtools.chaos import DATABASE_FAULTS, FAULTS, Fault, Fleet, Heal
from devtools.processes import wait_for
from devtools.services import PostgresServer
from devtools.soak_operators import OPERATOR_FAULTS
from devtools.soak_towns import Towns
from devtools.system import SITE, System

#: The job types that have effects, and attempts enough never to be given up.
OURS = ("scatter", "piece", "gather")
#: How many families may be under way, so that the queue stays short and a standstill shows.
UNDER_WAY = 8
#: How long everything may take to end once the last fault is healed, in seconds.
PATIENCE = 300.0


class ClerkFleet(Fleet):
    """Our workers, as operators start them."""

    def __init__(self, system: System, broker: BreakableBroker, postgres: PostgresServer | None = None) -> None:
        super().__init__(system.programs, broker, postgres)
        self.system = system

    def start_worker(self) -> None:
        """Start one more worker and wait until it takes jobs."""
        worker = self.system.programs.clerk("worker", "-c", "2")
        worker.wait_for_log("ready", deadline=60)
        self.workers.append(worker)

    def enqueue(self, seconds: float) -> str:
        """Enqueue a job that takes so long."""
        return self.system.enqueue("nap", seconds=seconds)

    def poison(self) -> None:
        """Enqueue a job that kills its process."""
        self.system.enqueue("dies")

    def effects(self) -> Counter[str]:
        """Return how often each job had its effect."""
        return self.system.effects()

    def began(self) -> int:
        """Return how many attempts have begun."""
        return self.system.count_began()

    def broker_url(self) -> str:
        """Return the broker's address."""
        from clerk_tasks.broker.table import broker_url

        return broker_url()

    def redeliver(self, rng: Random) -> None:
        """Publish the messages of some jobs again, finished or not."""
        from clerk_tasks.broker.publisher import publisher

        with self.system.engine.connect() as connection:
            rows = connection.execute(sa.select(jobs_table.c.id, jobs_table.c.job_type)).all()
        chosen = rng.sample(rows, min(10, len(rows)))
        publisher().publish([Message(row.id, row.job_type, self.queue, 1) for row in chosen for _ in range(3)])


@dataclass
class Report:
    """What a soak did and saw."""

    faults: Counter[str] = field(default_factory=Counter)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds
    cancelled: set[str] = field(default_factory=set)
    figures: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as a Markdown table."""
        rows = [f"| {name} | {value} |" for name, value in self.figures.items()]
        faults = [
            f"| {name} | {count} | {max(self.recoveries[name], default=0.0):.1f} s |"
            for name, count in sorted(self.faults.items())
        ]
        head = ["| fault | times | longest wait for the next effect |", "|---|---:|---:|"]
        return "\n".join([*head, *faults, "", "| | |", "|---|---:|", *rows])


class Soak:
    """One soak of a system with two workers."""

    def __init__(self, fleet: ClerkFleet, towns: Towns, rng: Random) -> None:
        self.fleet, self.system, self.towns, self.rng = fleet, fleet.system, towns, rng
        self.report = Report()
        self._active: list[tuple[float, Fault, Heal]] = []  # when to heal what
        self._awaited: list[tuple[float, int, str]] = []  # since when, after how many effects, after which fault
        self._faults = FAULTS + OPERATOR_FAULTS + (DATABASE_FAULTS if fleet.postgres else ())

    def run(self, seconds: float) -> None:
        """Enqueue and break things for so long; then heal everything and wait for the end of every job."""
        end = time.monotonic() + seconds
        next_fault = time.monotonic() + 3
        while time.monotonic() < end:
            self._turn(time.monotonic() + 0.2)
            if time.monotonic() >= next_fault:
                self._inject()
                next_fault = time.monotonic() + self.rng.uniform(2, 8)
        self._heal(everything=True)
        wait_for(self._is_over, "every job ends", deadline=PATIENCE, logs=self._story)
        self.report.figures["pages published, each checked"] = self.towns.finish()

    def _turn(self, until: float) -> None:
        with suppress(DatabaseUnavailable, sa.exc.DBAPIError, ConflictError):  # what was refused was not accepted
            self._enqueue()
            self.towns.turn(self.rng)
        self._heal()
        self._revive()
        self._watch()
        wait_for(lambda: time.monotonic() >= until, "the next turn")

    def _enqueue(self) -> None:
        """Enqueue families up to the number that may be under way; cancel one now and then."""
        from clerk_tasks.dispatcher import enqueue

        with reading(self.system.engine) as connection:
            running = connection.execute(
                sa.select(runs_table.c.id).where(runs_table.c.state == "running", runs_table.c.subdomain == SITE)
            ).scalars()
            under_way = list(running)
        for _ in range(len(under_way), UNDER_WAY):
            pieces = self.rng.randint(1, 12)
            arguments = {"pieces": pieces, "seconds": self.rng.uniform(0.1, 2.0), "stumbles": self.rng.randint(0, 2)}
            enqueue(JobRequest("scatter", SITE, arguments))
        if under_way and self.rng.random() < 0.01:
            self._cancel(self.rng.choice(under_way))

    def _cancel(self, run_id: str) -> None:
        from clerk.database.transactions import transaction
        from clerk_tasks.ledger.interventions import cancel_run

        with transaction() as connection:
            cancel_run(connection, run_id, by="the soak")
        self.report.cancelled.add(run_id)

    def _inject(self) -> None:
        busy = {fault.target for _, fault, _ in self._active}
        fault = self.rng.choice([fault for fault in self._faults if fault.target not in busy])
        if fault.target == "message" and "broker" in busy:
            return
        print(f"{time.strftime('%H:%M:%S')} {fault.name}", flush=True)  # noqa: T201
        heal = fault.inject(self.fleet, self.rng)
        self.report.faults[fault.name] += 1
        self._active.append((time.monotonic() + fault.lasts, fault, heal))

    def _heal(self, *, everything: bool = False) -> None:
        for one in [one for one in self._active if everything or time.monotonic() >= one[0]]:
            _, fault, heal = one
            self._active.remove(one)
            heal()
            self._awaited.append((time.monotonic(), self._effects(), fault.name))

    def _revive(self) -> None:
        """Start workers again, as a supervisor would: one that starts without its database ends with a clear line."""
        if not any(fault.target == "worker" for _, fault, _ in self._active):
            for worker in self.fleet.workers:
                if not worker.alive:
                    worker.start()

    def _watch(self) -> None:
        """Note for each fault how long after its end the next effect was seen."""
        effects = self._effects()
        for one in [one for one in self._awaited if effects > one[1]]:
            since, _, name = one
            self.report.recoveries[name].append(time.monotonic() - since)
            self._awaited.remove(one)

    def _effects(self) -> int:
        return sum(self.system.effects().values())

    def _is_over(self) -> bool:
        self._revive()
        self._watch()
        with reading(self.system.engine) as connection:
            unfinished = sa.select(sa.func.count()).where(runs_table.c.state == "running")
            return connection.execute(unfinished).scalar_one() == 0

    def _story(self) -> str:
        with reading(self.system.engine) as connection:
            jobs = queries.list_jobs(connection)
        stuck = [job for job in jobs if job["finished_at"] is None]
        return f"{stuck}\n{self.system.programs.logs()[-20000:]}"

    def check(self) -> None:
        """Assert that every job ended, every effect happened once, and every gathering came last."""
        with self.system.engine.connect() as connection:
            jobs = connection.execute(sa.select(jobs_table)).all()
            tries = connection.execute(sa.select(sa.func.count()).select_from(attempts_table)).scalar_one()
            failed = connection.execute(sa.select(runs_table.c.id).where(runs_table.c.state == "failed")).scalars()
            excused = self.report.cancelled | set(failed)
        self.system.check()
        effects = [line.split() for line in self.system.effects_file.read_text().splitlines()]
        of_job = Counter(job_id for _, job_id, _ in effects)
        for job in jobs:
            if job.job_type not in OURS:  # the pipeline's own job types give up after a few lost attempts
                continue
            assert job.state == "completed" or job.run_id in excused, job
            assert of_job[job.id] == 1 if job.state == "completed" else of_job[job.id] <= 1, job
        assert not set(of_job) - {job.id for job in jobs}
        keys = [key for key, _, _ in effects]
        assert len(set(keys)) == len(keys), Counter(keys).most_common(3)
        _check_gatherings(keys)
        self.report.figures |= {
            "families (runs)": len({job.run_id for job in jobs}),
            "of them cancelled by an operator": len(self.report.cancelled),
            "jobs": len(jobs),
            "effects": len(effects),
            "attempts": sum(job.attempt for job in jobs),
            "attempts that did not complete": tries,
            "runs that failed, with a dead letter that says why": len(excused - self.report.cancelled),
            "dead letters": sum(job.state == "discarded" for job in jobs),
            "messages delivered again": 30 * self.report.faults["messages are delivered again"],
            "longest wait for the next effect": f"{self._longest():.1f} s",
        }

    def _longest(self) -> float:
        return max((max(times) for times in self.report.recoveries.values() if times), default=0.0)


def _check_gatherings(keys: list[str]) -> None:
    """Assert that nothing of a run has its effect after the gathering, which waits for all of it."""
    gathered = set[str]()
    for key in keys:
        run, _, what = key.partition("/")
        assert run not in gathered, f"{key} came after its run's gathering"
        if what == "gather":
            gathered.add(run)
