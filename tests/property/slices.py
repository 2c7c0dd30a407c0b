"""The end of an attempt, and the claim of the next job in the same transaction."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import Connection

from clerk.database.states import JobState
from clerk.jobs import Fenced
from clerk_tasks.ledger import attempts
from clerk_tasks.ledger.claims import Claim, Claimant, Claims
from tests.property.transactions import FAULTS, Fault, FaultyTransactions

CLAIMS = Claims(["t"])
PICK = st.integers(0, 999)


class SliceRules(FaultyTransactions):
    """What a child does between two jobs of a slice."""

    def _settle(self, pick: int, fault: Fault, act: Callable[[Connection, Claim], object]) -> Claim:
        """End an attempt, which may be anybody's: of a zombie, or one that has ended before."""
        claim = self.claim(pick)
        owned = self.owns(claim)
        try:
            self.transact(fault, lambda connection: act(connection, claim))
        except Fenced:
            assert not owned
        else:
            assert owned or fault.crash_before, "a zombie changed something"
        return claim

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, fault=FAULTS, ahead=st.booleans())
    def complete_and_go_on(self, pick: int, fault: Fault, ahead: bool) -> None:
        """Complete a job and claim the next in one transaction: both happen, or neither."""
        self.pids += 1
        claimant = Claimant("q", "w", self.pids, 60.0)
        following: list[Claim] = []

        def act(connection: Connection, claim: Claim) -> None:
            recorded, taken = False, None
            if connection.dialect.name == "postgresql":
                recorded, taken = CLAIMS.complete_and_next(connection, claim, claimant, result=1, ahead=ahead)
            if not recorded and not attempts.complete(connection, claim, result=1):
                taken = CLAIMS.next(connection, claimant)
            following.extend([taken] if taken else [])

        claim = self._settle(pick, fault, act)
        for taken in following:
            if self.ledger.jobs[taken.job_id].pid == self.pids:
                assert self.ledger.jobs[claim.job_id].state == JobState.COMPLETED
                self.claims.append(taken)
