"""Transactions on the ledger that may break at any statement, and the laws checked after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import Connection

from clerk.database.states import JobState
from clerk_tasks.ledger.claims import Claim
from devtools.ledger_laws import Ledger, check, check_moves
from tests.property.database import Crash, FragileDatabase

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Fault:
    """How one transaction breaks, if it does."""

    crash_before: int | None = None  # which statement
    lose_answer: bool = False  # of the commit


#: Most transactions are left alone: a machine that mostly breaks gets nowhere.
FAULTS = st.integers(0, 5).flatmap(
    lambda kind: (
        st.builds(Fault, crash_before=st.integers(1, 12))
        if kind == 5
        else st.just(Fault(lose_answer=True))
        if kind == 4
        else st.just(Fault())
    )
)


class FaultyTransactions(RuleBasedStateMachine):
    """Every rule is one transaction, which may break; after it the laws hold, and a broken one changed nothing."""

    def __init__(self, database: FragileDatabase) -> None:
        super().__init__()
        self.database = database
        database.empty()
        self.claims: list[Claim] = []
        self.runs = 0
        self.jobs = 0
        self.pids = 0
        self.ledger = self.look()

    def look(self) -> Ledger:
        with self.database.transaction() as connection:
            return Ledger.read(connection)

    def transact(self, fault: Fault, act: Callable[[Connection], Answer]) -> Answer | None:
        """Run one transaction; check every law on what it left. Returns None when it broke."""
        before, answer, failed = self.ledger, None, True
        try:
            with self.database.transaction(**asdict(fault)) as connection:
                answer = act(connection)
            failed = False
        except Crash:
            answer = None
            failed = not fault.lose_answer
        finally:
            self.ledger = self.look()
            check(self.ledger)
            check_moves(before, self.ledger)
            assert not failed or self.ledger == before, "a transaction that failed left something behind"
        return answer

    def job(self, pick: int, *likely: JobState) -> Any:
        """Return a job: mostly one in the states that matter, now and then any."""
        jobs = [job for job in self.ledger.jobs.values() if job.state in likely] if pick % 4 else []
        jobs = jobs or list(self.ledger.jobs.values())
        return jobs[pick % len(jobs)]

    def claim(self, pick: int) -> Claim:
        """Return a claim: of an attempt that runs, or of one that is over."""
        claims = [claim for claim in self.claims if self.owns(claim)] if pick % 4 else []
        claims = claims or self.claims
        return claims[pick % len(claims)]

    def owns(self, claim: Claim) -> bool:
        job = self.ledger.jobs[claim.job_id]
        return bool(job.state == JobState.RUNNING and job.attempt == claim.attempt)
