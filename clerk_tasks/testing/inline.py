"""An executor that works in the process of a test: the worker's own, which also notes what each job did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from clerk.database.held import HeldConnection
from clerk_tasks.job_types.registry import Registry
from clerk_tasks.ledger import leases
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.testing.captured import captured
from clerk_tasks.testing.crashes import Crash, CrashPoints
from clerk_tasks.testing.job_report import Observations
from clerk_tasks.worker.children import Child
from clerk_tasks.worker.executor import Executor
from clerk_tasks.worker.outcomes import Settle
from clerk_tasks.worker.perform import perform
from clerk_tasks.worker.running_job import RunningJob

#: The worker start that owns the jobs of this process.
INSTANCE = "test"


class ObservedJob(RunningJob):
    """The context of an attempt, which notes what the function does, and can crash."""

    def __init__(self, claim: Claim, held: HeldConnection, *, seen: Observations, crash_points: CrashPoints) -> None:
        super().__init__(claim, held)
        self.crash_points = crash_points
        self._seen, self._effect = seen, "fence"

    def progress(self, message: str) -> None:
        """Note each message."""
        self._seen.progress.append(message)
        super().progress(message)

    def spawn(self, job_type: str, subdomain: str, *, stage: str | None = None, **arguments: Any) -> None:
        """Note each child."""
        super().spawn(job_type, subdomain, stage=stage, **arguments)
        self._seen.children.append(self.children[-1])

    def spawn_now(self, job_type: str, subdomain: str, *, stage: str | None = None, **arguments: Any) -> None:
        """Ask for a child, and be a point at which to crash."""
        super().spawn_now(job_type, subdomain, stage=stage, **arguments)
        self.crash_points.reach("after spawn_now")

    def commit_files(self, files: Mapping[Path, Path]) -> None:
        """Note each file that is in place."""
        with self._named("commit_files"):
            super().commit_files(files)
        self._seen.files += files.values()

    def commit_folder(self, temporary: Path, final: Path) -> None:
        """Note the folder that is in place."""
        with self._named("commit_folder"):
            super().commit_folder(temporary, final)
        self._seen.files.append(final)

    def _check_owned(self) -> None:
        self.crash_points.reach(f"between two files of {self._effect}")
        super()._check_owned()

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Be two points at which to crash."""
        self.crash_points.reach(f"before {self._effect}")
        with super().fence():
            yield
        self.crash_points.reach(f"after {self._effect}")

    @contextmanager
    def visiting(self, host: str, pause: float) -> Iterator[None]:
        """Be two points at which to crash; leave out the pause."""
        self.crash_points.reach(f"before a request to {host}")
        with super().visiting(host, 0.0):
            yield
        self.crash_points.reach(f"after a request to {host}")

    def wait(self, seconds: float) -> None:
        """Note what a worker would wait for, in seconds."""
        self._seen.waits.append(seconds)

    @contextmanager
    def _named(self, effect: str) -> Iterator[None]:
        before, self._effect = self._effect, effect
        try:
            yield
        finally:
            self._effect = before


class InlineExecutor(Executor):
    """An executor of one child, in this process; `seen` is what each job did, in the order of their first attempts."""

    def __init__(self, held: HeldConnection, child: Child, *, lease: float) -> None:
        super().__init__(held, child, instance=INSTANCE, lease=lease)
        self.forget()
        self._perform = partial(self._observe)

    def forget(self) -> None:
        """Forget what was seen, and that a job spoilt the process: a test's goes on."""
        self.seen: dict[str, Observations] = {}
        self.attempts = Counter[str]()
        self.crash_points, self.spoilt = CrashPoints(), False

    def knows(self, known: Registry) -> bool:
        """Return whether it works with this registry."""
        return self._known is known

    def _observe(self, claim: Claim) -> Settle | None:
        """Perform a job as a worker does; end the attempt as that of a dead process if it crashes."""
        seen, points = self.seen.setdefault(claim.job_id, Observations()), self.crash_points
        self.attempts[claim.job_id] += 1
        seen.children.clear()
        with captured(seen.logs):
            outcome = perform(
                claim,
                held=self.held,
                known=self._known,
                spoilt=self._replace,
                make_context=partial(ObservedJob, seen=seen, crash_points=points),
            )
        if outcome is not None and not points.crashed:
            try:
                points.reach("before the end is recorded")
            except Crash:
                seen.logs.append(f"the attempt crashed {points.crashed}")
        if not points.crashed:
            return outcome
        with self.held.transaction() as connection:
            leases.lost(connection, claim, f"Its process died {points.crashed}.")
        return None
