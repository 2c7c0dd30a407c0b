"""A whole system in the process of a test: a database, a storage, the plugins, and a worker without a broker."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from clerk.database.engine import engine
from clerk.database.held import HeldConnection
from clerk.database.states import FINISHED
from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk.settings import settings
from clerk.sites.admin import NewSite
from clerk.sites.rows import get_site_by_subdomain, upsert_site
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.dispatcher import enqueue_job
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.publications import Waiting
from clerk_tasks.schedules import slots
from clerk_tasks.schedules.slots import Fired
from clerk_tasks.testing import waiting_jobs
from clerk_tasks.testing.captured import worker_level
from clerk_tasks.testing.clock import DatabaseClock
from clerk_tasks.testing.crashes import CrashPoints
from clerk_tasks.testing.environment import add_plugin, own_environment
from clerk_tasks.testing.inline import InlineExecutor
from clerk_tasks.testing.job_report import JobReport, Observations, read_reports
from clerk_tasks.worker.children import Child, Children
from clerk_tasks.worker.relay import Relay

#: How often `drain` runs one job, until it says that the job never ends.
MOST_RUNS_OF_A_JOB = 100
_in_use: list[Harness] = []


def harness_in_use() -> Harness:
    """Return the harness whose with block this is; UsageError outside of one."""
    if not _in_use:
        raise UsageError("there is no Harness here: use the fixture clerk_harness, or `with clerk.testing.Harness():`")
    return _in_use[-1]


class Harness:
    """A system of its own for the length of a with block: `with Harness(): run_job("greet", "alameda.ca")`.

    `folder` is where its database and storage are, by default a temporary one. The plugins are those that
    `clerk-tasks` would load in the working directory, and `plugins`, classes or instances. `settings` are variables
    such as {"CLERK_FINANCE_STATES": "CA OR"}; those of the surroundings, and `.env`, do not count. `database_url`
    names a migrated database to use instead of a new one on SQLite.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        plugins: Sequence[object] = (),
        settings: Mapping[str, str] | None = None,
        database_url: str | None = None,
    ) -> None:
        self.clock = DatabaseClock()
        self._folder, self._plugins, self._settings = folder, plugins, settings or {}
        self._database_url = database_url
        self._sites = set[str]()
        self._executor: InlineExecutor | None = None

    def __enter__(self) -> Harness:
        if _in_use:
            raise UsageError("one Harness is in use already: a process has one at a time")
        with ExitStack() as stack:
            folder = self._folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.enter_context(
                own_environment(
                    folder,
                    clock=self.clock,
                    database_url=self._database_url,
                    given=self._settings,
                    added=self._plugins,
                )
            )
            self._held = HeldConnection(engine())
            stack.callback(self._held.close)
            children = Children()
            stack.callback(children.close)
            self._child = Child(children.path, 0)
            _in_use.append(self)
            stack.callback(_in_use.remove, self)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def storage(self) -> Path:
        """STORAGE_DIR: the folder of each site is in it, under its subdomain."""
        return settings().storage_dir

    def add_plugin(self, plugin: object) -> None:
        """Add a plugin, a class or an instance, to those that are loaded; ClerkError says what is wrong with it."""
        add_plugin(plugin)

    def add_site(self, subdomain: str, /, **columns: Any) -> None:
        """Add a site, or change one: columns of `sites`, such as scraper and start_year; `extra` may be a dict."""
        given = dict(columns)
        if isinstance(given.get("extra"), Mapping):
            given["extra"] = json.dumps(given["extra"])
        asked: dict[str, Any] | None = {} if "extra" in given else None  # None asks the plugins, as `sites add` does
        row = NewSite(subdomain=subdomain, name=subdomain, state="CA", scraper=given.get("scraper"), extra=asked).row()
        with transaction() as connection:
            upsert_site(connection, row | given)
        self._sites.add(subdomain)

    def enqueue(self, job_type: str, subdomain: str, /, **arguments: Any) -> str:
        """Enqueue a job as `clerk.queue.enqueue_job` does, and return its id; a site that is not there is added."""
        if subdomain not in self._sites:
            self._add_missing(subdomain)
        return enqueue_job(job_type, subdomain, **arguments)

    def _add_missing(self, subdomain: str) -> None:
        with reading() as connection:
            is_there = get_site_by_subdomain(connection, subdomain) is not None
        if is_there:
            self._sites.add(subdomain)
        else:
            self.add_site(subdomain)

    def run_job(self, job_type: str, subdomain: str, /, **arguments: Any) -> JobReport:
        """Enqueue a job and make one attempt at it, in this process; the jobs that it asks for wait.

        Validation, context, fence, sandbox and outcome are those of a worker. An error of the function is in the
        report, whose `result` then raises. Raises what `enqueue_job` raises, and AssertionError if the job must wait.
        """
        return self.perform(self.enqueue(job_type, subdomain, **arguments))

    def perform(self, job_id: str) -> JobReport:
        """Make one attempt at a job that is due; AssertionError if it must wait."""
        return self._perform(job_id, self._new_executor(), CrashPoints())

    def drain(self, *, wait: bool = True) -> list[JobReport]:
        """Run every job there is, those that they ask for and their retries, until none is left; return those that ran.

        The order is a worker's: by priority, then sites in turn. If all that is left is due later, the clock is put
        forward, unless `wait` is False. Raises AssertionError for jobs that cannot run, and for one that never ends.
        """
        executor = self._new_executor()
        while True:
            self._relay().look()
            if queues := waiting_jobs.queues_with_work(self._held):
                done = executor.done
                for queue in queues:
                    self._run_slice(executor, queue)
                if executor.done == done:
                    raise AssertionError(f"these jobs cannot run: {waiting_jobs.described(self._held)}")
            elif not (wait and self._go_to_next()):
                return self._reports(executor.seen)
            if most := [job_id for job_id, attempts in executor.attempts.items() if attempts >= MOST_RUNS_OF_A_JOB]:
                report = self._reports({most[0]: executor.seen[most[0]]})[0]
                raise AssertionError(f"{report} has been run {MOST_RUNS_OF_A_JOB} times, and has not ended")

    def each_crash(self, job_type: str, subdomain: str, /, **arguments: Any) -> Iterator[JobReport]:
        """Run a job to its end without a crash, then once for each point at which an attempt can crash.

        Points are right before and after each fence, file and request, and each call of `crash_here`. A crash raises
        through the function; the attempt is recorded as lost, and the next ones run to the end. The report's `crash`
        names the point; None of the first.
        """
        number = points_passed = 0
        while number <= points_passed:
            job_id = self.enqueue(job_type, subdomain, **arguments)
            points, executor = CrashPoints(number), self._new_executor()
            report = self._perform(job_id, executor, points)
            while report.state not in FINISHED and report.attempt < MOST_RUNS_OF_A_JOB:
                self._go_to_next()
                report = self._perform(job_id, executor, CrashPoints())
            yield replace(report, crash=points.crashed)
            points_passed = points_passed if number else len(points.passed)
            number += 1

    def enqueued(
        self, job_type: str | None = None, subdomain: str | None = None, /, **arguments: Any
    ) -> list[JobReport]:
        """Return the jobs that wait, oldest first: of a job type, of a site, with these among their arguments."""
        with reading() as connection:
            ids = waiting_jobs.waiting_ids(connection, job_type, subdomain)
            found = read_reports(connection, {job_id: Observations() for job_id in ids})
        wanted = waiting_jobs.as_recorded(arguments)
        return [job for job in found if wanted.items() <= dict(job.arguments).items()]

    def assert_enqueued(self, job_type: str, subdomain: str | None = None, /, **arguments: Any) -> JobReport:
        """Return the one job that waits and matches; AssertionError lists what waits unless it is exactly one."""
        found = self.enqueued(job_type, subdomain, **arguments)
        if len(found) == 1:
            return found[0]
        asked = ", ".join(
            [job_type, *filter(None, [subdomain]), *(f"{key}={value!r}" for key, value in arguments.items())]
        )
        lines = "\n".join(f"  {job.job_type} {job.subdomain} {json.dumps(job.arguments)}" for job in self.enqueued())
        raise AssertionError(f"{len(found)} jobs wait that match {asked}; these wait:\n{lines or '  none'}")

    def tick(self) -> list[Fired]:
        """Fire each schedule whose slot is due by the clock, as beat does; a schedule seen first only begins."""
        return slots.tick()

    def _perform(self, job_id: str, executor: InlineExecutor, points: CrashPoints) -> JobReport:
        executor.crash_points = points
        done = executor.done
        self._run_alone(executor, job_id)
        if executor.done == done:
            self._relay().look()
            self._run_alone(executor, job_id)
        (report,) = self._reports({job_id: executor.seen.get(job_id, Observations())})
        if executor.done == done:
            raise AssertionError(f"it cannot run now: {report}")
        return report

    def _run_alone(self, executor: InlineExecutor, job_id: str) -> None:
        with waiting_jobs.alone(self._held, job_id) as queue:
            self._run_slice(executor, queue)

    def _run_slice(self, executor: InlineExecutor, queue: str) -> None:
        with _timer_kept(), worker_level():
            executor.run_slice(queue)

    def _reports(self, seen: Mapping[str, Observations]) -> list[JobReport]:
        with self._held.statement() as connection:
            return read_reports(connection, seen)

    def _new_executor(self) -> InlineExecutor:
        """Return the executor, which knows the plugins as they are now, with nothing seen."""
        if self._executor is None or not self._executor.knows(registry()):
            self._executor = InlineExecutor(self._held, self._child, lease=settings().lease_term)
        self._executor.forget()
        return self._executor

    def _relay(self) -> Relay:
        return Relay(self._held, publisher(), Waiting((), ()), renewal=settings().renewal)

    def _go_to_next(self) -> bool:
        """Put the clock forward to when the next job is due; return whether there is one."""
        seconds = waiting_jobs.seconds_to_next(self._held)
        if seconds is None:
            return False
        self.clock.advance(seconds=max(seconds, 0.0) + 0.001)
        return True


@contextmanager
def _timer_kept() -> Iterator[None]:
    """Start the process's timer again, which the sandbox stops for the next job: pytest-timeout's, say."""
    began, (left, interval) = time.monotonic(), signal.getitimer(signal.ITIMER_REAL)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), interval)
