"""PostgreSQL has committed, and the connection dies before it can say so: nobody waits for what has happened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from clerk.database.tables import jobs_table
from clerk.jobs import JobRequest
from clerk_tasks.dispatcher import enqueue_many
from devtools.processes import wait_for
from devtools.services import PostgresServer
from devtools.system import SITE, System

ROWS = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"


class Operator:
    """Somebody with a connection of his own to a PostgreSQL server, who ends those of others."""

    def __init__(self, address: str) -> None:
        self.engine = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def say(self, statement: str) -> list[int]:
        """Run a statement; return the first column of what it returns."""
        with self.engine.connect() as connection:
            answer = connection.execute(sa.text(statement))
            return [row[0] for row in answer] if answer.returns_rows else []

    def terminate(self, condition: str) -> int:
        """End the connections that a condition on pg_stat_activity finds; return how many."""
        return len(self.say(f"SELECT pg_terminate_backend(pid) FROM ({ROWS} AND {condition}) AS those"))

    @contextmanager
    def nobody_hears(self) -> Iterator[None]:
        """Have every commit wait for a standby that does not exist, once it is done and before it is told."""
        self.say("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        self.say("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            self.say("ALTER SYSTEM RESET synchronous_standby_names")
            self.say("SELECT pg_reload_conf()")


@pytest.fixture
def operator(private_postgres: PostgresServer) -> Operator:
    return Operator(private_postgres.url)


@pytest.mark.fault("F9")
def test_a_claim_whose_answer_is_lost_is_found(own_postgres_system: System, operator: Operator) -> None:
    """The row says that the child runs the job, and the child finds that out when it asks again."""
    system = own_postgres_system
    operator.say("ALTER ROLE clerk SET synchronous_commit = off")
    first = system.enqueue("note")  # over a connection, ours, that waits for no standby
    operator.say("ALTER ROLE clerk RESET synchronous_commit")
    worker = system.worker("-c", "1")
    system.wait_for_end(first)
    with operator.nobody_hears():
        job_id = system.enqueue("note")
        for statement in ("UPDATE queues SET published_at%", "UPDATE jobs SET state=''running''%"):
            wait_for(
                lambda statement=statement: operator.terminate(  # type: ignore[misc]
                    f"wait_event = 'SyncRep' AND query LIKE '{statement}'"
                ),
                f"{statement} is committed, and the answer is held back",
            )
    lost_at = time.monotonic()
    assert system.wait_for_end(job_id, deadline=8) == ["completed"]
    print(f"\nrecovery after a claim without an answer: {time.monotonic() - lost_at:.2f} s")  # noqa: T201
    assert system.attempts(job_id) == ["completed"]
    assert system.effects() == {first: 1, job_id: 1}
    assert worker.alive


@pytest.mark.fault("F9")
def test_an_end_whose_answer_is_lost_is_not_repeated(own_postgres_system: System, operator: Operator) -> None:
    """The job is completed, and the child sees that when it asks again."""
    system = own_postgres_system
    job_id = system.enqueue("lingers")
    worker = system.worker("-c", "1")
    system.wait_until_began(job_id)
    with operator.nobody_hears():
        system.open_gate()

        def committed() -> bool:
            """Others commit too, such as the keeper; what waits for a standby is seen once it is cut off."""
            operator.terminate("wait_event = 'SyncRep' AND query = 'COMMIT'")
            return bool(system.job(job_id)["state"] == "completed")

        wait_for(committed, "the end is committed, and the answer is held back")
    worker.wait_for_log("its end is recorded already")
    assert system.attempts(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]


@pytest.mark.fault("F9")
def test_an_end_that_claims_the_next_job_and_whose_answer_is_lost(
    own_postgres_system: System, operator: Operator
) -> None:
    """Both are in one statement: the first job is completed, and the child owns one that it has not heard of."""
    system = own_postgres_system
    requests = [JobRequest("lingers", SITE), JobRequest("note", SITE, {"key": "1"}), JobRequest("note", SITE)]
    ids = enqueue_many(requests).job_ids
    worker = system.worker("-c", "1")
    system.wait_until_began(ids[0])
    with operator.nobody_hears():
        system.open_gate()
        wait_for(
            lambda: operator.terminate("wait_event = 'SyncRep' AND query LIKE 'WITH own AS%'"),
            "the end and the claim are committed, and the answer is held back",
        )
        assert (system.job(ids[0])["state"], system.job(ids[1])["state"]) == ("completed", "running")
    assert system.wait_for_end(*ids, deadline=8) == ["completed"] * 3
    assert [system.attempts(job_id) for job_id in ids] == [["completed"]] * 3
    assert system.effects() == dict.fromkeys(ids, 1)
    assert worker.alive


@pytest.mark.fault("F9")
def test_a_lock_that_is_lost_after_the_effect_does_not_have_it_done_again(
    own_postgres_system: System, operator: Operator
) -> None:
    """57P01 inside `fence()`: what the block was for has been done, under the lock."""
    system = own_postgres_system
    worker = system.worker("-c", "1")
    job_id = system.enqueue("holds")
    wait_for(lambda: system.effects()[job_id], "the effect is there", deadline=30)
    operator.terminate("state = 'idle in transaction'")
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert system.attempts(job_id) == ["completed"]
    assert worker.alive


@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    ("arguments", "statement"),
    [({}, "WITH site AS%"), ({"run_id": "a-run"}, "COMMIT")],
    ids=["alone", "in a transaction"],
)
def test_an_enqueue_whose_answer_is_lost_is_looked_up(
    own_postgres_system: System, operator: Operator, arguments: dict[str, str], statement: str
) -> None:
    """A command that failed has recorded nothing: so one that has recorded its job does not fail."""
    system = own_postgres_system
    with ThreadPoolExecutor(1) as pool, operator.nobody_hears():
        enqueueing = pool.submit(system.enqueue, "note", **arguments)
        wait_for(
            lambda: operator.terminate(f"wait_event = 'SyncRep' AND query LIKE '{statement}'"),
            "the job is committed, and the answer is held back",
        )
        job_id = enqueueing.result(10)
    assert system.job(job_id)["state"] == "available"
    with system.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(jobs_table)).scalar_one() == 1
    system.worker("-c", "1")
    assert system.wait_for_end(job_id) == ["completed"]


@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    "command", [("jobs", "cancel", "{job}"), ("pause", "all", "--reason", "x"), ("sites", "remove", SITE, "--yes")]
)
def test_a_command_whose_answer_is_lost_says_that_it_may_have_taken_effect(
    own_postgres_system: System, operator: Operator, command: tuple[str, ...]
) -> None:
    """Guard: AnswerLost: it failed, and has changed what it was asked to."""
    system = own_postgres_system
    job_id = system.enqueue("note")
    if command[0] == "sites":
        assert system.programs.clerk("jobs", "cancel", job_id).wait() == 0
    with operator.nobody_hears():
        program = system.programs.clerk(*(word.format(job=job_id) for word in command))
        wait_for(
            lambda: operator.terminate("wait_event = 'SyncRep' AND query = 'COMMIT'"),
            "the change is committed, and the answer is held back",
        )
        assert program.wait() == 5
    assert "Whether the change was recorded is not known" in program.log
