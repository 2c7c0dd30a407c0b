"""The executor: whatever a function does, its job ends as it should, and the process goes on."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from clerk import Cancel, Discard, Retry, current_job
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table as jobs
from clerk.errors import UsageError
from clerk_tasks.dispatcher import enqueue_job
from clerk_tasks.ledger import leases, publications
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker.outcomes import failed
from clerk_tasks.worker.pool_initialisers import pool_initialisers
from devtools import claiming
from devtools.processes import wait_for
from devtools.services import PostgresServer
from tests.fixtures import migrate
from tests.integration.ledger.ledger import LedgerOf, job
from tests.integration.tasks.one_job import OneJob, executor_of, raising, run
from tests.property.database import Crash, FragileDatabase


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


class Unnamed(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("not even that")


class Nameless(Exception, metaclass=Unnamed):
    pass


class Impatient(Retry):
    def __init__(self) -> None:
        pass


class Grudging(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("it is private")


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (Retry("come back", after=7200.0), "retryable", "come back"),
        (Retry("come back much later", after=10**400), "retryable", "come back much later"),
        (Retry("come back", after="soon"), "retryable", "come back (after='soon' is not a number of seconds, so"),  # type: ignore[arg-type]
        (Retry("come back", after="60"), "retryable", "come back (after='60' is not a number of seconds, so"),  # type: ignore[arg-type]
        (Retry("come back", after=timedelta(1)), "retryable", "come back (after=datetime.timedelta(days=1) is not"),  # type: ignore[arg-type]
        (Impatient(), "retryable", "Impatient"),
        (Discard("no use"), "discarded", "no use"),
        (Cancel("not wanted\x00"), "cancelled", "not wanted?"),
        (MemoryError(), "retryable", "MemoryError"),
        (SystemExit(3), "retryable", "SystemExit: 3"),
        (KeyboardInterrupt(), "retryable", "KeyboardInterrupt"),
        (ValueError("NUL \x00 and half \udc80\nof a line"), "retryable", "ValueError: NUL ? and half ? of a line"),
        (LookupError("redis://user:hunter2@host"), "retryable", "LookupError: redis://user:***@host"),
        (Mute(), "retryable", "Mute"),
        (Nameless(), "retryable", "an error that cannot be named"),
        (Exception(threading.Lock()), "retryable", "Exception: <unlocked _thread.lock"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_a_function_raises(on_both: LedgerOf, plugin: OneJob, error: BaseException, state: str, text: str) -> None:
    """Guards: the order of the excepts in _perform; storable; the attempt is kept, and once."""
    row = run(on_both, plugin, raising(error))
    assert (row.state, row.attempt) == (state, 1)
    assert row.error.startswith(text)
    if isinstance(error, Retry) and text.endswith(("back", "later")):
        assert error.after is not None
        assert (row.due_at - row.started_at).total_seconds() == pytest.approx(min(error.after, 7 * 86400), abs=60.0)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (NotImplementedError("write it"), 1),
        (TypeError("not subscriptable"), 2),
        (AttributeError("no such name"), 2),
        (SyntaxError("in a module that it imports"), 2),
        (UnboundLocalError("x"), 2),
        (ModuleNotFoundError("acme"), 2),
        (ValueError("of the source"), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_of_the_code_is_not_tried_often(error: Exception, attempts: int) -> None:
    """Guard: `failed`: another attempt would find the same code."""
    claims = [Claim("j", number, "w", 1, "run", 1, "t", "a.ca", "{}", 4, 1.0, 1.0) for number in range(1, 4)]
    final = [claim.attempt for claim in claims if failed(error, claim).final]
    assert final == list(range(attempts, 4))


def test_code_that_was_not_written_makes_a_dead_letter_at_once(on_both: LedgerOf, plugin: OneJob) -> None:
    row = run(on_both, plugin, raising(NotImplementedError("fetch_events")))
    assert (row.state, row.attempt) == ("discarded", 1)
    assert row.error == "NotImplementedError: fetch_events (not tried again: an error of the code)"


@pytest.mark.parametrize(
    ("value", "kept", "note"),
    [
        ({"pages": [1, 2]}, {"pages": [1, 2]}, None),
        ("x" * 70_000, None, "its 68.4 kB of JSON are more than 64 kB"),
        ([{"rate": float("nan")}], None, "it is not JSON: ValueError: Out of range"),
        ({1, 2}, None, "it is not JSON: TypeError: Object of type set is not JSON serializable"),
        (Grudging(a=1), None, "it is not JSON: RuntimeError: it is private"),
        (0, 0, None),
    ],
)
def test_what_a_function_returns_is_kept_if_it_is_json_and_small(
    on_both: LedgerOf, plugin: OneJob, caplog: pytest.LogCaptureFixture, value: Any, kept: Any, note: str | None
) -> None:
    """Guards: `completed`: a result never costs a job its success; the note and the log say why it is not there."""
    row = run(on_both, plugin, lambda: value)
    assert (row.state, row.result) == ("completed", kept)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    if note is None:
        assert (row.note, warnings) == (None, [])
    else:
        assert row.note.startswith(f"its result is not recorded: {note}")
        assert [message.endswith(row.note) for message in warnings] == [True]


@pytest.mark.parametrize(
    ("spawn", "error"),
    [
        ({"job_type": "t", "stage": "nowhere"}, "has no later stage 'nowhere'"),
        ({"job_type": "unpublished-of"}, "Unknown job type 'unpublished-of'"),
        ({"job_type": "t", "colour": "red"}, "unknown argument 'colour'"),
    ],
)
def test_children_that_cannot_be_fail_their_parent(
    on_both: LedgerOf, plugin: OneJob, spawn: dict[str, Any], error: str
) -> None:
    """Guard: children are recorded with their parent's success, or neither is."""
    row = run(on_both, plugin, lambda: current_job().spawn(subdomain="a.ca", **spawn))
    assert row.state in ("discarded", "retryable")
    assert error in row.error
    assert len(on_both.jobs("s0") + on_both.jobs("s1")) == 1


def test_a_job_whose_pool_could_not_be_prepared_waits_and_says_why(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guard: _perform asks before it calls the function, and no attempt is counted."""
    plugin.initialiser = raising(OSError("no licence"))
    row = run(on_both, plugin, raising(AssertionError("called unprepared")), max_attempts=1)
    assert (row.state, row.attempt, row.max_attempts) == ("retryable", 1, 2)
    assert row.error == "pool one-job (plugin one-job) could not be prepared: OSError: no licence"
    assert row.due_at > row.started_at
    plugin.initialiser = lambda: None
    pool_initialisers.discard()
    assert run(on_both, plugin, lambda: None).state == "completed"


def test_a_job_that_another_attempt_took_over_records_nothing(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guards: Fenced in fence(), and in _record."""
    (job_id,) = on_both.record([job()]).job_ids
    effects = []

    def slow() -> None:
        claim = Claim(job_id, 1, "w", 1, "run", on_both.job(job_id).stage_id, "t", "a.ca", "{}", 3, 1.0, 1.0)
        on_both.do(leases.lost, claim, "its lease ended")
        on_both.do(publications.promote_due)
        on_both.claim(job_id, pid=2)
        with current_job().fence():
            effects.append(1)

    plugin.function = slow
    executor = executor_of(on_both)
    claiming.execute(on_both.engine, executor, job_id)
    executor.held.close()
    row = on_both.job(job_id)
    assert (row.state, row.attempt, row.pid, effects) == ("running", 2, 2, [])


def test_progress_is_recorded_once_a_second_and_the_last_message_by_a_later_call(
    on_both: LedgerOf, plugin: OneJob
) -> None:
    notes: list[tuple[str | None, float]] = []

    def function() -> None:
        started = time.monotonic()
        for number in range(200):
            current_job().progress(f"{number}")
            notes.append((on_both.job(current_job().job_id).note, time.monotonic() - started))

        def last_message() -> bool:
            current_job().checkpoint()
            return bool(on_both.job(current_job().job_id).note == "199")

        wait_for(last_message, "the last message is recorded")

    assert run(on_both, plugin, function).state == "completed"
    changes = len({note for note, _ in notes})
    assert notes[0][0] == "0"
    assert changes <= 1 + notes[-1][1]


def test_what_a_job_may_do_inside_its_fence(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guards: _begun of connection.py, or PostgreSQL loses the lock; fenced(), or SQLite waits for itself."""
    notes = []

    def function() -> None:
        with suppress(RuntimeError), current_job().fence():
            current_job().progress("undone")
            raise RuntimeError
        notes.append(on_both.job(current_job().job_id).note)
        with current_job().fence():
            current_job().progress("nearly")
            current_job().checkpoint()
            with pytest.raises(UsageError, match=r"Inside fence\(\)"):
                enqueue_job("t", "a.ca")
        notes.append(on_both.job(current_job().job_id).note)

    assert run(on_both, plugin, function).state == "completed"
    assert notes == [None, "nearly"]


def test_a_claim_whose_answer_was_lost_is_ended_by_the_next(sqlite_url: str, plugin: OneJob) -> None:
    """Guard: `_fresh = True` where a claim fails. Otherwise no process would work on that job until its lease ends."""
    ledger, database = LedgerOf(sqlite_url), FragileDatabase(sqlite_url)
    first, second = ledger.record([job(), job()]).job_ids
    executor = claiming.executor(HeldConnection(database.engine))
    executor.run_slice("nothing")
    database.lose_answer("UPDATE jobs SET state='running'")
    with pytest.raises(Crash):
        claiming.execute(ledger.engine, executor, first)
    database.lose_answer(None)
    claiming.execute(ledger.engine, executor, second)
    assert [ledger.job(name).state for name in (first, second)] == ["retryable", "completed"]
    executor.held.close()
    ledger.engine.dispose()
    database.close()


@pytest.mark.slow
def test_an_outcome_waits_for_the_database(
    private_postgres: PostgresServer, plugin: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: _until_the_database_is_back. The function has done its work while PostgreSQL was stopped and started."""
    monkeypatch.setenv("DATABASE_URL", private_postgres.url)
    migrate(private_postgres.url)
    ledger = LedgerOf(private_postgres.url)
    (job_id,) = ledger.record([job()]).job_ids
    calls, over = [], threading.Event()

    def start() -> None:
        private_postgres.start()
        over.wait(100)  # a server on a leash dies with the thread that started it

    back = threading.Thread(target=start)

    def work() -> str:
        calls.append(1)
        private_postgres.process.signal(signal.SIGINT)  # a kill would lose what it has not written
        private_postgres.process.wait()
        back.start()
        return "done"

    plugin.function = work
    executor = executor_of(ledger)
    claiming.execute(ledger.engine, executor, job_id)
    ledger.engine.dispose()
    assert (ledger.job(job_id).state, calls) == ("completed", [1])
    executor.held.close()
    ledger.engine.dispose()
    over.set()
    back.join()


def test_a_checkpoint_waits_for_no_writer(on_both: LedgerOf, plugin: OneJob) -> None:
    took = []  # a write would wait for half a minute, and then go on without the database

    def checks_while_another_writes() -> str:
        with on_both.engine.begin() as connection:
            connection.execute(update(jobs).values(note="locked"))
            began = time.monotonic()
            current_job().checkpoint()
            took.append(time.monotonic() - began)
            connection.rollback()
        return "checked"

    assert run(on_both, plugin, checks_while_another_writes).state == "completed"
    assert took[0] < 10
