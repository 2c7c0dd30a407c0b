"""Celery's own calls lead through the dispatcher, and its results read the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from celery import Celery, chain, chord, group
from celery.result import AsyncResult

from clerk import Discard, JobType, hookimpl
from clerk.database.engine import engine
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import sites_table
from clerk.database.transactions import transaction
from clerk.errors import ClerkError, NotFoundError, UsageError
from clerk.plugin.loader import plugins
from clerk_tasks.celery import ClerkCelery
from clerk_tasks.celery_results import JobFailed
from clerk_tasks.ledger import interventions
from devtools import claiming


def greet(subdomain: str, name: str = "you", year: int = 2026) -> str:
    if name == "no one":
        raise Discard("there is no one")
    return f"Hello {name} of {subdomain} in {year}"


class Plugin:
    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        return {"greet": JobType(greet)}


@pytest.fixture(autouse=True)
def app(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    monkeypatch.setenv("BROKER_URL", redis_url)
    plugins().add(Plugin(), name="greeter", source="test", where="this test")
    with transaction() as connection:
        connection.execute(sa.insert(sites_table), [{"subdomain": "alameda.ca"}])
    from clerk_tasks.celery import _configure, _register_tasks

    made = ClerkCelery("tests", config_source="celeryconfig", set_as_current=False)
    made.on_configure.connect(_configure)
    made.on_after_finalize.connect(_register_tasks)
    made.finalize()
    yield made
    made.close()


def row(job_id: str) -> Any:
    with transaction() as connection:
        return connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one()


def work(job_id: str) -> None:
    held = HeldConnection(engine())
    claiming.execute(engine(), claiming.executor(held), job_id)
    held.close()


def test_a_task_that_is_called_is_a_job(app: Celery) -> None:
    """Guard: ClerkTask.apply_async: else Celery publishes a message, and the ledger knows of no job."""
    task = app.tasks["clerk.greet"]
    result = task.delay("alameda.ca", name="Ada")
    assert (row(result.id).arguments, row(result.id).priority) == ({"name": "Ada"}, 1)
    urgent = task.apply_async(("alameda.ca", "Ada", 2020), priority=0)
    assert (row(urgent.id).arguments, row(urgent.id).priority) == ({"name": "Ada", "year": 2020}, 0)
    assert row(task.s("alameda.ca", name="Bo").apply_async().id).arguments == {"name": "Bo"}
    assert row(app.send_task("clerk.greet", ["alameda.ca"], {"name": "Cy"}).id).arguments == {"name": "Cy"}


def test_a_call_may_ask_for_a_later_time(app: Celery) -> None:
    """Guard: `delay`: the job waits in the table, not in the broker."""
    task = app.tasks["clerk.greet"]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for options in ({"countdown": 86400}, {"eta": tomorrow}, {"eta": tomorrow.replace(tzinfo=None)}):
        later = row(task.apply_async(["alameda.ca"], **options).id)
        assert later.state == "scheduled"
        assert abs((later.due_at - tomorrow).total_seconds()) < 60
    assert row(task.apply_async(["alameda.ca"], countdown=-5).id).state == "available"


@pytest.mark.parametrize(
    ("args", "kwargs", "options", "kind", "text"),
    [
        ([], {}, {}, UsageError, "needs a site"),
        (["alameda.ca", "Ada", 2020, 1], {}, {}, UsageError, "takes 3 arguments at most"),
        (["alameda.ca", "Ada"], {"name": "Bo"}, {}, UsageError, "got name twice"),
        (["alameda.ca"], {"colour": "red"}, {}, UsageError, "unknown argument 'colour'"),
        (["nowhere.ca"], {}, {}, NotFoundError, "There is no site"),
        (["alameda.ca"], {}, {"priority": 9}, UsageError, "Unknown priority 9"),
        (["alameda.ca"], {}, {"priority": "soon"}, UsageError, "Unknown priority 'soon'"),
        (["alameda.ca"], {}, {"task_id": "mine"}, UsageError, "an id of the caller's"),
        (["alameda.ca"], {}, {"expires": 60}, UsageError, "cancel the job instead"),
        (["alameda.ca"], {}, {"link": object()}, UsageError, "let the job spawn what follows"),
        (["alameda.ca"], {}, {"countdown": 1e12}, UsageError, "at most 400 days"),
    ],
)
def test_what_a_job_cannot_have_is_refused(
    app: Celery, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any], kind: type[ClerkError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        app.tasks["clerk.greet"].apply_async(args, kwargs, **options)
    with pytest.raises(kind, match=text):
        app.send_task("clerk.greet", args, kwargs, **options)
    with transaction() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(jobs)).scalar_one() == 0


def test_what_celery_coordinates_is_refused_with_what_to_use_instead(app: Celery) -> None:
    """Guard: _INSTEAD. Celery's own groups and chords count in the broker and the result backend."""
    greeting = app.tasks["clerk.greet"].s("alameda.ca")
    for call in (group(greeting, greeting), chord([greeting, greeting], greeting), chain(greeting, greeting)):
        with pytest.raises(UsageError, match=r"spawn|stage"):
            call.apply_async()
    with pytest.raises(NotFoundError, match="Did you mean greet"):
        app.send_task("clerk.greeet", ["alameda.ca"])


def test_a_result_is_read_from_the_ledger(app: Celery) -> None:
    """Guards: the states, `get()` of what completed and of what did not."""
    task = app.tasks["clerk.greet"]
    done, dead, gone = (task.delay("alameda.ca", name=name) for name in ("Ada", "no one", "Cy"))
    assert [result.state for result in (done, dead, gone)] == ["PENDING"] * 3
    work(done.id)
    work(dead.id)
    with transaction() as connection:
        interventions.cancel(connection, gone.id, by="a test")
    assert (done.state, done.get(timeout=5)) == ("SUCCESS", "Hello Ada of alameda.ca in 2026")
    assert (dead.state, gone.state) == ("FAILURE", "REVOKED")
    with pytest.raises(JobFailed, match="discarded: there is no one"):
        dead.get(timeout=5)
    assert "cancelled by a test" in str(gone.info)
    assert AsyncResult("unknown", app=app).state == "PENDING"
