"""What is true of the ledger after every committed transaction, whatever happened before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from clerk.database.states import UNFINISHED, JobState, RunState, StageState
from clerk.database.tables import attempts_table, jobs_table, runs_table, stages_table

#: How the tests name the stages that join a run later; such a stage opens at once.
JOINED = "joined"
#: The argument that the tests give to jobs that may begin before their stage opens.
AT_ONCE = "at_once"
UNENDED = (StageState.OPEN, StageState.WAITING)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All rows of the ledger at one moment."""

    runs: dict[str, Any]
    stages: dict[int, Any]
    jobs: dict[str, Any]
    attempts: Sequence[Any]

    @classmethod
    def read(cls, connection: Connection) -> Ledger:
        """Read them; jobs that have a number in their arguments come in its order, since ids are drawn at random."""
        jobs = sorted(connection.execute(select(jobs_table)), key=lambda job: job.arguments.get("number", 0))
        return cls(
            {row.id: row for row in connection.execute(select(runs_table).order_by(runs_table.c.id))},
            {row.id: row for row in connection.execute(select(stages_table).order_by(stages_table.c.position))},
            {row.id: row for row in jobs},
            connection.execute(select(attempts_table)).all(),
        )

    def jobs_of(self, stage_id: int) -> list[Any]:
        """Return a stage's jobs."""
        return [job for job in self.jobs.values() if job.stage_id == stage_id]


def check(ledger: Ledger) -> None:
    """Assert every law."""
    for stage in ledger.stages.values():
        _check_counters(stage, ledger.jobs_of(stage.id))
    for job in ledger.jobs.values():
        _check_job(job, ledger.stages[job.stage_id])
    _check_history(ledger)
    _check_unique_keys(ledger)
    for run in ledger.runs.values():
        _check_run(run, [stage for stage in ledger.stages.values() if stage.run_id == run.id])


def _check_counters(stage: Any, jobs: Sequence[Any]) -> None:
    """The counters of a stage that has not ended are its rows; those of an ended one stand still at none left."""
    states = Counter(job.state for job in jobs)
    counted = (stage.total, stage.remaining, stage.failed, stage.cancelled)
    if stage.state in UNENDED:
        unfinished = sum(states[state] for state in UNFINISHED)
        assert counted == (len(jobs), unfinished, states[JobState.DISCARDED], states[JobState.CANCELLED]), stage
    else:
        assert stage.remaining == 0, stage
    assert (stage.opened_at is None) == (stage.state in (StageState.WAITING, StageState.CANCELLED)), stage
    if stage.state == StageState.OPEN:
        assert stage.remaining > 0, f"an open stage has nothing left to do, and nobody will close it: {stage}"


def _check_job(job: Any, stage: Any) -> None:
    assert job.attempt <= job.max_attempts, job
    if job.state == JobState.SCHEDULED and job.due_at is None:
        assert stage.state == StageState.WAITING, f"it waits for a stage that has opened or ended: {job} {stage}"
    if stage.state == StageState.WAITING:
        ahead = job.state not in (JobState.SCHEDULED, JobState.CANCELLED)
        assert not ahead or AT_ONCE in job.arguments or job.job_type == "ocr-page", (
            f"it is ahead of its stage: {job} {stage}"
        )
    if job.state == JobState.AVAILABLE:
        assert job.due_at is not None, job
    if job.state == JobState.RETRYABLE:
        assert job.due_at is not None, f"no relay will ever promote it: {job}"
    if job.state == JobState.RUNNING:
        owned = (job.instance, job.pid, job.lease_until, job.deadline_at)
        assert None not in owned, f"no relay will ever take it over: {job}"
        assert job.lease_until <= job.deadline_at, job


def _check_history(ledger: Ledger) -> None:
    """Every attempt left exactly one trace: a row of its own, or the job's row if it runs or completed."""
    kept: dict[str, list[int]] = defaultdict(list)
    for attempt in ledger.attempts:
        kept[attempt.job_id].append(attempt.attempt)
    for job in ledger.jobs.values():
        if job.state in (JobState.RUNNING, JobState.COMPLETED):
            kept[job.id].append(job.attempt)
        assert sorted(kept[job.id]) == list(range(1, job.attempt + 1)), job


def _check_unique_keys(ledger: Ledger) -> None:
    keys = Counter(job.unique_key for job in ledger.jobs.values() if job.unique_key and job.state in UNFINISHED)
    assert all(count == 1 for count in keys.values()), keys


def _check_run(run: Any, stages: Sequence[Any]) -> None:
    """A run ends exactly when its stages have; while one waits, an earlier one is open."""
    ended = all(stage.state not in UNENDED for stage in stages)
    assert (run.state != RunState.RUNNING) == ended, (run, stages)
    assert (run.finished_at is not None) == ended, run
    for position, stage in enumerate(stages):
        before = [earlier.state for earlier in stages[:position]]
        if stage.state == StageState.WAITING:
            assert StageState.OPEN in before, f"nobody will open it: {stage}"
        if stage.state == StageState.OPEN and not stage.name.startswith(JOINED):
            assert StageState.WAITING not in before, f"it opened before an earlier one: {stage}"
            assert not any(
                earlier.state == StageState.OPEN and not earlier.name.startswith(JOINED)
                for earlier in stages[:position]
            ), stage


#: Where a job may go from where it is; nobody leaves `completed`.
MOVES = {
    JobState.SCHEDULED: {JobState.AVAILABLE, JobState.CANCELLED},
    JobState.AVAILABLE: {JobState.RUNNING, JobState.CANCELLED},
    JobState.RUNNING: {JobState.COMPLETED, JobState.RETRYABLE, JobState.DISCARDED, JobState.CANCELLED},
    JobState.RETRYABLE: {JobState.AVAILABLE, JobState.CANCELLED},
    JobState.COMPLETED: set[JobState](),
    JobState.DISCARDED: {JobState.AVAILABLE, JobState.SCHEDULED},
    JobState.CANCELLED: {JobState.AVAILABLE, JobState.SCHEDULED},
}


def check_moves(before: Ledger, after: Ledger) -> None:
    """Assert that one transaction moved every job at most one step, and left what has ended alone."""
    for job_id, old in before.jobs.items():
        new = after.jobs[job_id]
        assert old.state == new.state or new.state in MOVES[JobState(old.state)], (old, new)
        assert new.attempt - old.attempt == (old.state != new.state == JobState.RUNNING), (old, new)
    for stage_id, stage in before.stages.items():
        new_stage = after.stages[stage_id]
        if stage.state not in UNENDED and new_stage.state not in UNENDED:
            assert new_stage == stage, "an ended stage changed"
        elif stage.state not in UNENDED:
            assert before.runs[stage.run_id].state != RunState.RUNNING, "a stage of a running run was reopened"
