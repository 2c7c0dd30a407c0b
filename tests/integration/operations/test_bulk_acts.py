"""Acts on all jobs that match: the filter of `jobs list`, a dry run that counts the same, and a row of who did it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.acts import operator
from clerk.database.clock import now
from clerk.database.states import JobState
from clerk.database.tables import jobs_table
from clerk.database.transactions import reading, transaction
from clerk.jobs import JobRequest
from clerk.sites.rows import insert_site
from clerk_tasks import dispatcher
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.job_filter import JobFilter
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.operations.acts import list_acts
from clerk_tasks.operations.bulk import BulkResult, run_bulk
from clerk_tasks.operations.bulk_acts import cancelling
from clerk_tasks.operations.failures import failures
from clerk_tasks.operations.listing import show_job
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]
Capture = pytest.CaptureFixture[str]


def answer(capsys: Capture, *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def some(engine: Engine, enqueue: Enqueue, work: Work) -> dict[str, str]:
    """Jobs that differ in one thing each."""
    with transaction(engine) as connection:
        insert_site(connection, {"subdomain": "brook.ca", "name": "Brook", "state": "CA"})
    found = {"plain": enqueue("parent", children=[])}
    found["argument"] = enqueue("fine", name="5")
    found["site"] = dispatcher.enqueue(JobRequest("parent", "brook.ca", {"children": []})).job_ids[0]
    found["later"] = dispatcher.enqueue(JobRequest("fine", "alameda.ca", {}), delay=3600).job_ids[0]
    for name, why in (("full", "100% full: page 7"), ("full too", "100% full: page 8"), ("gone", "the source is gone")):
        found[name] = enqueue("broken", why=why)
        work(found[name])
    found["retried"] = enqueue("mistaken")
    work(found["retried"])
    with transaction(engine) as connection:
        old = jobs_table.update().where(jobs_table.c.id.in_([found["plain"], found["gone"]]))
        connection.execute(old.values(created_at=now(-7200)))
    return found


FILTERS = {
    "--state available": "plain argument site",
    "--state scheduled": "later",
    "--state retryable": "retried",
    "--subdomain brook.ca": "site",
    "--job-type fine": "argument later",
    "--arg name=5": "argument",
    "--queue default --since 1h": "argument site later retried",
    "--older-than 1h": "plain",
    "--error-like object": "retried",
    "--job-type fine --state available": "argument",
}


@pytest.mark.every_database
def test_every_command_chooses_by_the_same_filter(some: dict[str, str], capsys: Capture) -> None:
    for words, names in FILTERS.items():
        chosen = {some[name] for name in names.split()}
        listed = {job["id"]: job["state"] for job in answer(capsys, "jobs", "list", *words.split())}
        assert {job for job, state in listed.items() if state != "discarded"} == chosen, words
        dry = answer(capsys, "jobs", "cancel", *words.split(), "--dry-run")
        assert (dry["matched"], dry["done"], dry["id"], dry["dry_run"]) == (len(chosen), len(chosen), None, True)
    assert list_acts() == []


@pytest.mark.every_database
def test_it_does_what_the_dry_run_said_and_leaves_a_row(some: dict[str, str], capsys: Capture) -> None:
    words = ["--job-type", "fine", "--arg", "name=5"]
    done = answer(capsys, "jobs", "cancel", *words, "--reason", "the wrong sites")
    assert (done["matched"], done["done"], done["refused"], done["state"]) == (1, 1, 0, "done")
    assert {name for name, job in some.items() if show_job(job)["state"] == "cancelled"} == {"argument"}
    assert show_job(some["argument"])["note"] == f"cancelled by {operator()}: the wrong sites"
    (act,) = answer(capsys, "acts")
    said = {"id": done["id"], "act": "cancel", "by": operator(), "reason": "the wrong sites", "done": 1, "matched": 1}
    assert act | said | {"what": "jobs --job-type fine --arg name=5", "state": "done"} == act
    assert act["began_at"] <= act["ended_at"]


def test_a_cause_is_a_filter(some: dict[str, str], capsys: Capture) -> None:
    """`failures` has it for the dead letters and for the jobs that will be tried again."""
    causes = {cause["cause"]: cause["fingerprint"] for cause in failures("3h")}
    full, tried = causes["…% full: page …"], causes["TypeError: … object is not callable"]
    both = [some["full too"], some["full"]]
    assert [job["id"] for job in answer(capsys, "jobs", "list", "--fingerprint", full)] == both
    assert [job["id"] for job in answer(capsys, "jobs", "list", "--fingerprint", full, "--limit", "1")] == both[:1]
    assert [job["id"] for job in answer(capsys, "jobs", "list", "--fingerprint", tried)] == [some["retried"]]
    assert len(answer(capsys, "jobs", "retry", "--fingerprint", full, "--dry-run")) == 2
    assert answer(capsys, "jobs", "dismiss", "--fingerprint", full)["done"] == 2
    assert answer(capsys, "jobs", "dismiss", "--fingerprint", full)["matched"] == 0, "they are dismissed"
    assert len(answer(capsys, "jobs", "retry", "--fingerprint", full)) == 2
    assert answer(capsys, "jobs", "cancel", "--fingerprint", tried)["done"] == 1


def test_waiting_jobs_are_moved_and_reprioritised(some: dict[str, str], redis_broker: None, capsys: Capture) -> None:
    for words in (["move", "--to", "finance"], ["reprioritise", "--priority", "0"]):
        dry = answer(capsys, "jobs", *words, "--all", "--dry-run")
        assert answer(capsys, "jobs", *words, "--all")["done"] == dry["done"] == dry["matched"] == 5
    waits = {some[name] for name in ("plain", "argument", "site", "later", "retried")}
    for job in map(show_job, some.values()):
        moved = ("finance", "high") if job["id"] in waits else ("default", "normal")
        assert (job["queue"], job["priority"]) == moved
    assert [act["what"] for act in list_acts()] == ["every job to priority high", "every job to queue finance"]
    assert answer(capsys, "jobs", "move", some["plain"], "--to", "default")[0]["queue"] == "default"


def test_a_message_for_the_new_queue_is_published(some: dict[str, str], redis_broker: None, capsys: Capture) -> None:
    published = publisher()
    before = published.depth("finance")
    answer(capsys, "jobs", "move", "--all", "--state", "available", "--to", "finance")
    assert published.depth("finance") > before


BAD = [
    ("cancel", 2, "every job that can be cancelled: --all"),
    ("retry", 2, "every job that can be retried: --all"),
    ("dismiss", 2, "every job that can be dismissed: --all"),
    ("dismiss --state discarded", 2, "every job that can be dismissed: --all"),
    ("move --to finance", 2, "every job that can be moved: --all"),
    ("reprioritise --priority low", 2, "every job that can be reprioritised: --all"),
    ("cancel --state completed", 2, "Jobs that are completed cannot be cancelled"),
    ("retry --state running", 2, "Jobs that are running cannot be retried; use discarded or cancelled."),
    ("move --state running --to finance", 2, "cannot be moved; use scheduled, available, retryable or held."),
    ("move --all --to nowhere", 3, "Unknown queue 'nowhere'. Known: "),
    ("reprioritise --all --priority 9", 2, "Unknown priority 9; use one of 0 (high), 1 (normal), 2 (low)."),
    ("cancel --job-type nothing", 3, "nothing"),
    ("cancel --subdomain nowhere.ca", 3, "nowhere.ca"),
    ("cancel --queue nowhere", 3, "Unknown queue 'nowhere'"),
    ("cancel --error-like=", 2, "--error-like is empty."),
    ("cancel --older-than soon", 2, "'soon' is no duration"),
    ("cancel --arg name", 2, "write NAME=VALUE"),
    ("cancel --arg a=1 --arg a=2", 2, "--arg a is given twice"),
    ("cancel x --all", 2, "Name jobs by id, or choose them by a filter, not both."),
    ("retry x --state discarded", 2, "not both"),
]


def test_what_is_refused_changes_nothing(some: dict[str, str], capsys: Capture) -> None:
    before = {name: show_job(job) for name, job in some.items()}
    for words, code, reason in BAD:
        capsys.readouterr()
        assert main(["jobs", *words.split()]) == code, words
        assert reason in capsys.readouterr().err
    assert {name: show_job(job) for name, job in some.items()} == before
    assert list_acts() == []


def test_a_dry_run_of_named_jobs_changes_nothing(some: dict[str, str], capsys: Capture) -> None:
    before = show_job(some["plain"])
    for verb in ("cancel", "move --to finance", "reprioritise --priority high"):
        name, *options = verb.split()
        (job,) = answer(capsys, "jobs", name, some["plain"], *options, "--dry-run")
        assert job["id"] == some["plain"]
        assert show_job(some["plain"]) == before
        assert main(["jobs", name, some["gone"], *options, "--dry-run"]) == 4
        assert main(["jobs", name, "nope", *options]) == 3
    assert list_acts() == []


def many(engine: Engine, number: int = 2500, run_id: str = "run") -> None:
    stages = [
        NewStage(name="pieces", jobs=[NewJob(job_type="fine", subdomain="alameda.ca") for _ in range(number)]),
        NewStage(name="whole", jobs=[NewJob(job_type="fine", subdomain="alameda.ca")]),
    ]
    with transaction(engine) as connection:
        record_run(connection, run_id, subdomain="alameda.ca", pipeline="fine", new_stages=stages)


def count(engine: Engine, state: JobState) -> int:
    with reading(engine) as connection:
        return queries.count_states(connection)[state.value] or 0


@pytest.fixture
def interrupt() -> Iterator[None]:
    """Press Ctrl-C whenever a transaction brings its act up to date."""

    def press(*given: object) -> None:
        if str(given[2]).startswith("UPDATE acts SET done="):
            signal.raise_signal(signal.SIGINT)

    # A program that was started in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sa.event.listen(Engine, "before_cursor_execute", press)
    yield
    signal.signal(signal.SIGINT, before)
    sa.event.remove(Engine, "before_cursor_execute", press)


@pytest.mark.usefixtures("interrupt")
def test_ctrl_c_leaves_what_is_done_done(engine: Engine, capsys: Capture) -> None:
    many(engine)
    assert main(["jobs", "cancel", "--job-type", "fine"]) == 130
    said = capsys.readouterr()
    assert "was stopped by" in said.out
    assert "1000 of 2501 jobs are cancelled" in said.out
    assert "1000 of 2501 jobs cancelled" in said.err
    assert count(engine, JobState.CANCELLED) == 1000
    (act,) = list_acts()
    assert (act["state"], act["done"], act["matched"], act["stopped_by"]) == ("stopped", 1000, 2501, operator())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_acts_stop_ends_it_from_elsewhere(engine: Engine, capsys: Capture) -> None:
    many(engine)

    def stop(sofar: BulkResult) -> None:
        if len(sofar.job_ids) == 1000:
            assert answer(capsys, "acts", "show", str(sofar.id))["state"] == "running"
            assert answer(capsys, "acts", "stop", str(sofar.id))["done"] == 1000

    result = run_bulk(cancelling(None), JobFilter(job_type="fine"), progress=stop)
    assert (result.state, len(result.job_ids), result.stopped_by) == ("stopped", 2000, operator())
    assert count(engine, JobState.CANCELLED) == 2000
    assert main(["acts", "stop", str(result.id)]) == 4
    assert f"Act {result.id} has already ended: stopped." in capsys.readouterr().err
    assert main(["acts", "stop", "77"]) == main(["acts", "show", "77"]) == 3


def test_a_broker_that_is_away_is_said_once(engine: Engine, capsys: Capture) -> None:
    many(engine)
    assert main(["jobs", "reprioritise", "--all", "--priority", "high"]) == 0
    assert capsys.readouterr().err.count("broker is not running") == 1


def test_what_an_act_brings_about_counts(engine: Engine) -> None:
    """The end of the first stage, in the second transaction, cancels the job of the stage after it, in the third."""
    many(engine, number=2000)
    result = run_bulk(cancelling(None), JobFilter(run_id="run"))
    assert (result.matched, len(result.job_ids), result.refused) == (2001, 2001, [])


def test_the_statements_do_not_grow_with_the_jobs(engine: Engine, request: pytest.FixtureRequest) -> None:
    many(engine)
    said: list[str] = []

    def listen(*given: object) -> None:
        said.append(str(given[2]))

    sa.event.listen(Engine, "before_cursor_execute", listen)
    request.addfinalizer(lambda: sa.event.remove(Engine, "before_cursor_execute", listen))
    assert len(run_bulk(cancelling(None), JobFilter(run_id="run")).job_ids) == 2501
    assert len(said) < 100
