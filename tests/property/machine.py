"""The ledger as a state machine: operators, workers, relays and crashes, in any order that Hypothesis thinks of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from sqlalchemy import Connection

from clerk.database.clock import now
from clerk.database.states import UNFINISHED, JobState, RunState, StageState
from clerk.database.tables import jobs_table
from clerk.errors import ConflictError
from clerk_tasks.ledger import attempts, interventions, leases, publications
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.ledger.insert import NewStage, Recorded
from clerk_tasks.ledger.publications import Waiting
from clerk_tasks.ledger.runs import record_run
from devtools import claiming
from devtools.ledger_laws import JOINED
from tests.property.children import KEYS, ChildRules
from tests.property.slices import PICK
from tests.property.transactions import FAULTS, Fault

WAITING = Waiting(["q"], ["t"])
STAGES = ("s0", "s1", "s2")


class LedgerMachine(ChildRules):
    """Each rule is what somebody does to the ledger."""

    # --- operators ------------------------------------------------------------------------------

    @initialize(tolerance=st.sampled_from([0.0, 0.5]))
    def begin(self, tolerance: float) -> None:
        """Begin with a run of three stages, so that there is a later stage, and one later still."""
        self.enqueue([[None, "key-a"], [None], [None, None]], tolerance, 2, Fault())

    @rule(
        keys=st.lists(st.lists(KEYS, max_size=3), min_size=1, max_size=3),
        tolerance=st.sampled_from([0.0, 0.5]),
        max_attempts=st.integers(1, 3),
        fault=FAULTS,
    )
    def enqueue(self, keys: list[list[str | None]], tolerance: float, max_attempts: int, fault: Fault) -> None:
        self.runs += 1
        new_stages = [
            NewStage(name=name, jobs=[self.new_job(key, max_attempts=max_attempts) for key in row], tolerance=tolerance)
            for name, row in zip(STAGES, keys, strict=False)
        ]
        self._record(f"run-{self.runs}", new_stages, fault)

    @precondition(lambda self: self.ledger.runs)
    @rule(pick=PICK, keys=st.lists(KEYS, max_size=2), fault=FAULTS)
    def join(self, pick: int, keys: list[str | None], fault: Fault) -> None:
        run_id = list(self.ledger.runs)[pick % len(self.ledger.runs)]
        self._record(run_id, [NewStage(name=JOINED, jobs=[self.new_job(key) for key in keys])], fault)

    def _record(self, run_id: str, new_stages: list[NewStage], fault: Fault) -> None:
        before = self.ledger
        taken = {job.unique_key for job in before.jobs.values() if job.unique_key and job.state in UNFINISHED}
        recorded: Recorded | None = self.transact(
            fault,
            lambda connection: record_run(connection, run_id, subdomain="a.ca", pipeline="p", new_stages=new_stages),
        )
        if recorded is None:
            return
        wanted = [job.unique_key for stage in new_stages for job in stage.jobs]
        keys = {key for key in wanted if key}
        assert self.ledger.jobs.keys() - before.jobs.keys() == set(recorded.job_ids)
        assert len(recorded.job_ids) == wanted.count(None) + len(keys - taken)
        for key, winner in recorded.conflicts.items():
            assert self.ledger.jobs[winner].unique_key == key

    @precondition(lambda self: self.ledger.jobs)
    @rule(pick=PICK, fault=FAULTS)
    def cancel(self, pick: int, fault: Fault) -> None:
        job = self.job(pick, *UNFINISHED)
        try:
            self.transact(fault, lambda connection: interventions.cancel(connection, job.id, by="a test"))
        except ConflictError:
            assert job.state not in UNFINISHED

    @precondition(lambda self: self.ledger.runs)
    @rule(pick=PICK, fault=FAULTS)
    def cancel_run(self, pick: int, fault: Fault) -> None:
        if pick % 4:  # it ends so much that it must be rare
            return
        run = list(self.ledger.runs.values())[pick % len(self.ledger.runs)]
        try:
            done = self.transact(fault, lambda connection: interventions.cancel_run(connection, run.id, by="a test"))
        except ConflictError:
            assert run.state != RunState.RUNNING
            return
        if done is not None:
            left = [job for job in self.ledger.jobs.values() if job.run_id == run.id and job.state in UNFINISHED]
            assert all(job.state == JobState.RUNNING and job.cancel_requested_at for job in left)

    @precondition(lambda self: self.ledger.jobs)
    @rule(pick=PICK, fault=FAULTS)
    def retry(self, pick: int, fault: Fault) -> None:
        job = self.job(pick, JobState.DISCARDED, JobState.CANCELLED)
        rivals = [
            rival
            for rival in self.ledger.jobs.values()
            if job.unique_key and rival.unique_key == job.unique_key and rival.state in UNFINISHED
        ]
        try:
            message = self.transact(fault, lambda connection: interventions.retry(connection, job.id))
        except ConflictError:
            stopped = any(
                stage.run_id == job.run_id and stage.state == StageState.CANCELLED
                for stage in self.ledger.stages.values()
            )
            assert rivals or stopped or job.state not in (JobState.DISCARDED, JobState.CANCELLED)
            return
        if message is not None:
            assert not rivals
            assert self.ledger.jobs[job.id].arguments == job.arguments

    # --- workers --------------------------------------------------------------------------------

    @precondition(lambda self: self.ledger.jobs)
    @rule(picks=st.lists(PICK, min_size=1, max_size=4), lease=st.sampled_from([0.0, 60.0]), fault=FAULTS)
    def deliver(self, picks: list[int], lease: float, fault: Fault) -> None:
        """Deliver the messages of any jobs at any time: early, late, twice, in any order."""
        for pick in picks:
            self._claim(self.job(pick, JobState.AVAILABLE), fault, lease=lease)

    def _claim(self, job: Any, fault: Fault, *, lease: float = 60.0) -> Claim | None:
        self.pids += 1
        claim = self.transact(
            fault,
            lambda connection: claiming.claim(connection, job.id, instance="w", pid=self.pids, lease=lease),
        )
        if claim is not None:
            assert job.state == JobState.AVAILABLE
            self.claims.append(claim)
        elif fault == Fault():
            assert job.state != JobState.AVAILABLE
        return claim

    @precondition(lambda self: any(job.state == JobState.AVAILABLE for job in self.ledger.jobs.values()))
    @rule(final=st.booleans())
    def leave_a_zombie(self, final: bool) -> None:
        """Have an attempt ended by somebody else, and the job claimed again."""
        job = next(job for job in self.ledger.jobs.values() if job.state == JobState.AVAILABLE)
        claim = self._claim(job, Fault())
        assert claim is not None
        self.transact(Fault(), lambda connection: attempts.fail(connection, claim, "lost", delay=0.0, final=final))
        self.promote(Fault())
        if self.ledger.jobs[job.id].state == JobState.DISCARDED:
            try:
                self.transact(Fault(), lambda connection: interventions.retry(connection, job.id))
            except ConflictError:
                return
            if self.ledger.jobs[job.id].state != JobState.AVAILABLE:
                return
        self._claim(self.ledger.jobs[job.id], Fault())

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, final=st.booleans(), delay=st.sampled_from([0.0, 3600.0, None]), fault=FAULTS)
    def fail(self, pick: int, final: bool, delay: float | None, fault: Fault) -> None:
        self._settle(
            pick, fault, lambda connection, claim: attempts.fail(connection, claim, "no", final=final, delay=delay)
        )

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, fault=FAULTS)
    def stop(self, pick: int, fault: Fault) -> None:
        self._settle(pick, fault, lambda connection, claim: attempts.stop(connection, claim, "cancelled"))

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, fault=FAULTS)
    def hand_back(self, pick: int, fault: Fault) -> None:
        self._settle(pick, fault, lambda connection, claim: attempts.hand_back(connection, claim, "going"))

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, fault=FAULTS)
    def lose(self, pick: int, fault: Fault) -> None:
        """Have a keeper end an attempt whose process died; one that is over already stays as it is."""
        claim = self.claim(pick)
        before, owned = self.ledger, self.owns(claim)
        messages = self.transact(fault, lambda connection: leases.lost(connection, claim, "died"))
        assert owned or self.ledger == before
        assert not (owned and messages is not None) or not self.owns(claim)

    # --- relays ---------------------------------------------------------------------------------

    @rule(most=st.integers(1, 3))
    def work(self, most: int) -> None:
        """Do some of what is available, without trouble, so that stages end."""
        for job in [job for job in self.ledger.jobs.values() if job.state == JobState.AVAILABLE][:most]:
            if (
                self.ledger.jobs[job.id].state == JobState.AVAILABLE
            ):  # the end of a stage may cancel those ahead of theirs
                self._work(job.id)

    @rule(fault=FAULTS)
    def promote(self, fault: Fault) -> None:
        self.transact(fault, publications.promote_due)

    @rule(fault=FAULTS)
    def take_over(self, fault: Fault) -> None:
        with self.database.transaction() as connection:
            expired = leases.expired(connection)
        for row in sorted(expired, key=lambda row: row.claim.arguments):

            def end(connection: Connection, row: leases.Expired = row) -> None:
                if leases.still_expired(connection, row):
                    leases.lost(connection, row.claim, "gone")

            self.transact(fault, end)

    @rule()
    def look_for_work(self) -> None:
        """Look for what to publish: the queue is found while there is work in it."""
        available = [job for job in self.ledger.jobs.values() if job.state == JobState.AVAILABLE]
        with self.database.transaction() as connection:
            waiting = WAITING(connection)
        assert len(waiting.get("q", [])) == min(len(available), publications.FEW)

    @rule()
    def let_time_pass(self) -> None:
        """Make everything due that waits for a time."""
        with self.database.transaction() as connection:
            connection.execute(
                sa.update(jobs_table)
                .where(jobs_table.c.due_at > now(), jobs_table.c.state.in_([JobState.SCHEDULED, JobState.RETRYABLE]))
                .values(due_at=now())
            )
            connection.execute(
                sa.update(jobs_table).where(jobs_table.c.state == JobState.RUNNING).values(lease_until=now(-1.0))
            )
        self.ledger = self.look()

    def teardown(self) -> None:
        """Heal: with no more faults, everything that was ever accepted ends."""
        for _ in range(100):
            if not any(job.state in UNFINISHED for job in self.ledger.jobs.values()):
                break
            self.let_time_pass()
            self.take_over(Fault())
            self.promote(Fault())
            self.work(1000)
        assert [job for job in self.ledger.jobs.values() if job.state in UNFINISHED] == []
        assert [run for run in self.ledger.runs.values() if run.state == RunState.RUNNING] == []

    def _work(self, job_id: str) -> None:
        def claim(connection: Connection) -> Claim | None:
            return claiming.claim(connection, job_id, instance="healer", pid=1, lease=60.0)

        taken = self.transact(Fault(), claim)
        assert taken is not None
        self.transact(Fault(), lambda connection: attempts.complete(connection, taken, result=None))
