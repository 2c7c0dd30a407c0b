"""One message is enough: while a job waits, a message is outstanding or a child has yet to look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from clerk_tasks.ledger import attempts, publications
from clerk_tasks.ledger.claims import Claim, Claimant, Claims
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from tests.property.database import FragileDatabase
from tests.property.test_ledger import QUICK

CLAIMS, WAITING = Claims(["t"]), publications.Waiting(["q"], ["t"])


class Doorbell(RuleBasedStateMachine):
    """Programs that enqueue, and children that answer, look, work and look again, each step at any time."""

    def __init__(self, database: FragileDatabase) -> None:
        super().__init__()
        self.database = database
        database.empty()
        with database.transaction() as connection:
            publications.answered(connection, "q")
            publications.register_queues(connection, ["q"])
        self.runs = 0
        self.messages = 0  # that the broker holds
        self.answering = 0  # children that have got one, and have not noted it yet
        self.looking = 0  # children that are about to look for their first job
        self.working: list[Claim] = []  # of the children that are at work

    @rule()
    def enqueue(self) -> None:
        self.runs += 1
        with self.database.transaction() as connection:
            job = NewJob(job_type="t", subdomain="a.ca", queue="q")
            stages = [NewStage(name="s", jobs=[job])]
            record_run(connection, f"run-{self.runs}", subdomain="a.ca", pipeline="p", new_stages=stages)
            self.messages += publications.announce(connection, "q")

    @precondition(lambda self: self.messages)
    @rule()
    def deliver(self) -> None:
        self.messages -= 1
        self.answering += 1

    @precondition(lambda self: self.answering)
    @rule()
    def answer(self) -> None:
        with self.database.transaction() as connection:
            publications.answered(connection, "q")
        self.answering -= 1
        self.looking += 1

    @precondition(lambda self: self.looking)
    @rule()
    def look(self) -> None:
        self.looking -= 1
        with self.database.transaction() as connection:
            claim = CLAIMS.next(connection, Claimant("q", "w", self.looking, 60.0))
        self.working += [claim] if claim else []

    @precondition(lambda self: self.working)
    @rule()
    def go_on(self) -> None:
        claim = self.working.pop()
        with self.database.transaction() as connection:
            attempts.complete(connection, claim, result=None)
            following = CLAIMS.next(connection, Claimant("q", "w", claim.pid, 60.0))
        self.working += [following] if following else []

    @invariant()
    def a_waiting_job_is_going_to_be_seen(self) -> None:
        with self.database.transaction() as connection:
            waits = bool(WAITING(connection))
        assert not waits or self.messages or self.answering or self.looking or self.working


@pytest.fixture
def database(database_url: str) -> Iterator[FragileDatabase]:
    fragile = FragileDatabase(database_url)
    yield fragile
    fragile.close()


@pytest.mark.parametrize("database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_a_waiting_job_is_going_to_be_seen(database: FragileDatabase) -> None:
    """Guards: `answered` before the first look; announce says True where no message is outstanding."""

    class Machine(Doorbell):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(Machine, settings=QUICK)
