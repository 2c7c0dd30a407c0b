"""A child is killed at every commit that a run goes through, right before it and right after it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from clerk.database.transactions import transaction
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from devtools import crash_plugin
from devtools.processes import wait_for
from devtools.system import SITE, System

pytestmark = pytest.mark.timeout(400)

KEYS = ("parent", "child", "later", "last")


class CrashPoints:
    """One worker, and one run for each place to crash at."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.crash = Path(f"{system.effects_file}.crash")
        self.boundaries = Path(f"{system.effects_file}.boundaries")
        self.lost = 0

    def run(self, number: int) -> bool:
        """Let a run come to its boundary of this number; return whether it has one."""
        self.boundaries.unlink(missing_ok=True)
        self.crash.write_text(str(number))
        run_id = self.enqueue(number)
        wait_for(
            lambda: self.has_ended(run_id),
            f"the run that crashed at boundary {number} ends: {self.passed()[number - 1 : number]}",
            deadline=40,
            logs=self.system.programs.logs,
        )
        self.crash.unlink()
        self.check(number, run_id)
        return len(self.passed()) >= number

    def enqueue(self, number: int) -> str:
        """Record a run of two stages, whose first job asks for one more in each."""
        run_id = f"crash-{number}"
        parent = NewJob(job_type="parts", subdomain=SITE, arguments={"run": run_id})
        last = NewJob(job_type="keeps", subdomain=SITE, arguments={"key": f"{run_id}-last"}, max_attempts=3)
        stages = [NewStage(name="first", jobs=[parent]), NewStage(name="second", jobs=[last])]
        with transaction(self.system.engine) as connection:
            record_run(connection, run_id, subdomain=SITE, pipeline="crash", new_stages=stages)
        return run_id

    def has_ended(self, run_id: str) -> bool:
        """Return whether the run has ended."""
        return bool(self.system.run(run_id)["state"] != "running")

    def passed(self) -> list[str]:
        """Return the boundaries that this run has come to."""
        return self.boundaries.read_text().splitlines() if self.boundaries.exists() else []

    def check(self, number: int, run_id: str) -> None:
        """Assert that everything was done, by the attempt that says so, and that the crash cost one at the most."""
        kept, lost = self.system.kept(), 0
        jobs = {job["id"]: job for job in self.system.run(run_id)["jobs"]}
        assert len(jobs) == len(KEYS), jobs
        for key in KEYS:
            job_id, attempt = kept[f"{run_id}-{key}"]
            *before, end = self.system.attempts(job_id)
            assert (end, attempt) == ("completed", jobs[job_id]["attempt"]), (number, key, jobs[job_id])
            assert set(before) <= {"lost"}, (number, key, before)
            lost += len(before)
        assert lost <= 1, number
        self.lost += lost
        first, second = (
            [jobs[kept[f"{run_id}-{key}"][0]] for key in keys] for keys in (("parent", "child"), ("later", "last"))
        )
        assert max(job["finished_at"] for job in first) <= min(job["started_at"] for job in second), number


@pytest.mark.fault("F22")
def test_a_child_may_die_at_any_commit(every_database: System) -> None:
    """Of a job, its child, and the two of the stage that then opens: I1 to I6, whichever commit is the last."""
    system = every_database
    shutil.copy(crash_plugin.__file__, system.effects_file.with_name("plugins"))
    worker = system.worker("-c", "3")
    points = CrashPoints(system)
    number = 1
    while points.run(number):
        number += 1
    print(f"\n{number - 1} places to crash at, {points.lost} attempts lost")  # noqa: T201
    assert number > 24, points.passed()
    # At four places for each of four jobs, less those that the first commits of a child just born are counted for: on a
    # busy machine that is every other one.
    assert points.lost >= 6, "between its claim and its end a crash costs the job an attempt"
    assert worker.alive
