"""The rules by which jobs get children: at the end of their parent, and while it runs."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from clerk.database.states import JobState, StageState
from clerk.jobs import Cancel, Discard, Fenced
from clerk_tasks.ledger import attempts
from clerk_tasks.ledger.insert import NewJob
from devtools.ledger_laws import AT_ONCE
from tests.property.slices import PICK, SliceRules
from tests.property.transactions import FAULTS, Fault

KEYS = st.none() | st.sampled_from(["key-a", "key-b"])


class ChildRules(SliceRules):
    """The rules about children."""

    def new_job(
        self, key: str | None, *, stage: str | None = None, max_attempts: int = 2, at_once: bool = False
    ) -> NewJob:
        """Return a job of no particular kind; its number tells it from all others, whatever its id will be."""
        self.jobs += 1
        return NewJob(
            job_type="t",
            subdomain="a.ca",
            queue="q",
            unique_key=key,
            stage=stage,
            max_attempts=max_attempts,
            arguments={"number": self.jobs} | ({AT_ONCE: True} if at_once else {}),
        )

    @precondition(lambda self: self.claims)
    @rule(
        pick=PICK,
        children=st.lists(st.tuples(st.sampled_from([None, "s0", "s1", "s2", "nowhere"]), KEYS), max_size=3),
        fault=FAULTS,
    )
    def complete(self, pick: int, children: list[tuple[str | None, str | None]], fault: Fault) -> None:
        own = self.ledger.stages[self.claim(pick).stage_id]  # whose children begin with it, if it is ahead
        new_jobs = [
            self.new_job(key, stage=stage, at_once=own.state == StageState.WAITING and stage in (None, own.name))
            for stage, key in children
        ]
        before = self.ledger
        try:
            claim = self._settle(
                pick, fault, lambda connection, claim: attempts.complete(connection, claim, result=1, children=new_jobs)
            )
        except Discard:
            assert self.ledger == before
            return
        born = self.ledger.jobs.keys() - before.jobs.keys()
        assert not born or self.ledger.jobs[claim.job_id].state == JobState.COMPLETED

    @precondition(lambda self: self.claims)
    @rule(
        pick=PICK,
        children=st.lists(
            st.tuples(st.sampled_from([None, "s0", "s1", "s2", "nowhere"]), KEYS), min_size=1, max_size=3
        ),
        fault=FAULTS,
    )
    def spawn_now(self, pick: int, children: list[tuple[str | None, str | None]], fault: Fault) -> None:
        """Add children to a running job that begin before their stage opens."""
        new_jobs = [self.new_job(key, stage=stage, at_once=True) for stage, key in children]
        before, claim = self.ledger, self.claim(pick)
        try:
            messages = self.transact(fault, lambda connection: attempts.spawn_now(connection, claim, new_jobs))
        except (Cancel, Discard, Fenced):
            assert self.ledger == before
            return
        born = self.ledger.jobs.keys() - before.jobs.keys()
        if messages is not None:
            assert {message.job_id for message in messages} == {
                job_id for job_id in born if self.ledger.jobs[job_id].state == JobState.AVAILABLE
            }
        assert not born or self.owns(claim)
