"""What commands make of their options, and what they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.acts import operator
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import sites_table as sites
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import queries
from devtools import claiming
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]
Capture = pytest.CaptureFixture[str]


def answer(capsys: Capture, *arguments: str) -> Any:
    """Return the JSON that a command prints; it must exit 0."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


#: Commands that take a subdomain.
OF_A_SITE = [
    ("sites", "show", "{}"),
    ("sites", "remove", "{}", "--yes"),
    ("status", "--subdomain", "{}"),
    ("jobs", "list", "--subdomain", "{}"),
    ("jobs", "retry", "--state", "discarded", "--subdomain", "{}"),
    ("runs", "list", "--subdomain", "{}"),
    ("update", "--subdomain", "{}"),
    ("enqueue", "fine", "{}"),
    ("why", "{}"),
]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("subdomain", "code", "line"), [("../x", 2, "bad subdomain '../x'"), ("x.ca", 3, "site 'x.ca'")]
)
def test_a_site_that_cannot_be_is_2_and_one_that_is_not_is_3(
    capsys: Capture, subdomain: str, code: int, line: str
) -> None:
    for words in OF_A_SITE:
        assert main([word.format(subdomain) for word in words]) == code, words
        printed = capsys.readouterr()
        assert (printed.out, printed.err.count("\n")) == ("", 1)
        assert line in printed.err


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("jobs", "list", "--job-type", "fin"), 3, "Did you mean fine?"),
        (("jobs", "retry", "--state", "discarded", "--job-type", "fin"), 3, "Did you mean fine?"),
        (("jobs", "list", "--run-id", "x"), 3, "There is no run 'x': `clerk-tasks runs list` lists them."),
        (("jobs", "list", "--state", "bad"), 2, "use one of scheduled, available, held, running, retryable"),
        (("runs", "list", "--state", "bad"), 2, "use one of running, completed, failed, cancelled"),
        (("jobs", "show", "x"), 3, "There is no job 'x': `clerk-tasks jobs list` lists them."),
        (("jobs", "cancel", "x"), 3, "There is no job 'x': `clerk-tasks jobs list` lists them."),
        (("jobs", "retry", "x"), 3, "There is no job 'x': `clerk-tasks jobs list` lists them."),
        (("runs", "cancel", "x"), 3, "There is no run 'x': `clerk-tasks runs list` lists them."),
        (("enqueue", "fine", "alameda.ca", "--run-id", "x"), 3, "There is no run 'x'"),
        (("enqueue", "fine", "alameda.ca", "--run-id", "a b"), 2, "bad run id 'a b'"),
    ],
)
def test_what_is_not_there(capsys: Capture, arguments: tuple[str, ...], code: int, line: str) -> None:
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert line in printed.err


def test_what_is_gone_and_has_left_jobs_can_still_be_listed(engine: Engine, enqueue: Enqueue, capsys: Capture) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.delete(sites))
        connection.execute(sa.update(jobs).values(job_type="vanished"))
    site = ("--subdomain", "alameda.ca")
    assert [row["id"] for row in answer(capsys, "jobs", "list", *site, "--job-type", "vanished")] == [job]
    assert len(answer(capsys, "runs", "list", *site)) == 1
    assert answer(capsys, "status", *site)["jobs"]["available"] == 1
    assert f"Job {job} (vanished of alameda.ca) is available." in answer(capsys, "why", "alameda.ca")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_done_to_jobs_and_runs_as_json(engine: Engine, enqueue: Enqueue, work: Work, capsys: Capture) -> None:
    first, second = enqueue("broken"), enqueue("broken")
    work(first)
    dead = ("jobs", "retry", "--state", "discarded")
    assert [(job["id"], job["state"]) for job in answer(capsys, *dead, "--dry-run")] == [(first, "discarded")]
    assert [(job["id"], job["state"]) for job in answer(capsys, *dead)] == [(first, "available")]
    assert answer(capsys, *dead) == []
    (job,) = answer(capsys, "jobs", "cancel", first)
    assert (job["id"], job["state"], job["note"]) == (first, "cancelled", f"cancelled by {operator()}")
    run_id = answer(capsys, "jobs", "show", second)["run_id"]
    run = answer(capsys, "runs", "cancel", run_id)
    assert (run["id"], run["state"], [job["id"] for job in run["jobs"]]) == (run_id, "cancelled", [second])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_is_cancelled_once_no_job_of_it_runs(engine: Engine, enqueue: Enqueue, capsys: Capture) -> None:
    runs = {job: answer(capsys, "jobs", "show", job)["run_id"] for job in (enqueue("broken"), enqueue("broken"))}
    runs_on, waits = runs
    with transaction(engine) as connection:
        claiming.claim(connection, runs_on, instance="w", pid=4242, lease=30)
    asked = "its waiting jobs are cancelled, its running jobs (1) were asked to stop."
    for job, words in ((runs_on, asked), (waits, "cancelled.")):
        assert main(["runs", "cancel", runs[job]]) == 0
        assert capsys.readouterr().out.startswith(f"{runs[job]}: {words}")
    assert main(["jobs", "cancel", runs_on]) == 0
    assert capsys.readouterr().out == f"{runs_on} was asked to stop\n"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_jobs_show_prints_arguments_and_results_as_json(enqueue: Enqueue, work: Work, capsys: Capture) -> None:
    job = enqueue("fine", name="it's")
    work(job)
    assert main(["jobs", "show", job]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith(("arguments", "result"))] == [
        '{"name": "it\'s"}',
        '{"name": "it\'s"}',
    ]


def test_long_lists_go_on_from_the_last_row(engine: Engine, enqueue: Enqueue, capsys: Capture) -> None:
    ids = [enqueue("fine", name=f"{number}") for number in range(5)][::-1]
    for filters in ((), ("--state", "available"), ("--subdomain", "alameda.ca"), ("--job-type", "fine")):
        page = [row["id"] for row in answer(capsys, "jobs", "list", *filters, "--limit", "2")]
        rest = [row["id"] for row in answer(capsys, "jobs", "list", *filters, "--before", page[-1])]
        assert page + rest == ids
    every = [row["id"] for row in answer(capsys, "runs", "list")]
    for filters in ((), ("--state", "running")):
        rest = [row["id"] for row in answer(capsys, "runs", "list", *filters, "--before", every[1])]
        assert every[:2] + rest == every
    assert len(every) == 5
    with transaction(engine) as connection:
        run = answer(capsys, "jobs", "show", ids[0])["run_id"]
        connection.execute(sa.update(jobs).values(run_id=run))
    assert [job["id"] for job in answer(capsys, "runs", "show", run, "--limit", "3")["jobs"]] == ids[:3]
    assert [job["id"] for job in answer(capsys, "runs", "show", run)["jobs"]] == ids


def test_completed_jobs_are_counted_among_few(
    enqueue: Enqueue, work: Work, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(enqueue("fine"))
    work(enqueue("broken"))
    counts = {state.value: 0 for state in JobState} | {"completed": 1, "discarded": 1}
    assert answer(capsys, "status")["jobs"] == counts
    assert answer(capsys, "status", "--subdomain", "alameda.ca")["jobs"] == counts
    monkeypatch.setattr(queries, "MOST_JOBS_COUNTED", 1)
    assert answer(capsys, "status")["jobs"] == counts | {"completed": None}
    assert main(["status"]) == 0
    assert "jobs: too many to count completed, 1 discarded" in capsys.readouterr().out


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_retried_run_as_json(work: Work, capsys: Capture) -> None:
    first = answer(capsys, "update", "--subdomain", "alameda.ca")
    assert main(["runs", "cancel", first["run_id"]]) == 0
    again = answer(capsys, "runs", "retry", first["run_id"])
    assert (again["job_type"], again["run_id"] != first["run_id"]) == ("fetch-site", True)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broker_that_is_away_is_a_warning_that_quiet_does_not_silence(capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["-q", "enqueue", "fine", "alameda.ca"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("warning: The embedded broker is not running")
    assert told.endswith("starts it. The work is recorded, and waits until the broker is back.\n")
