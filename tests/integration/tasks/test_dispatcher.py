"""Enqueueing: what is refused is refused whole, and what is accepted is recorded, then published."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clerk import JobRequest, JobType, Priority, hookimpl
from clerk.database.engine import engine
from clerk.database.tables import jobs_table, runs_table, sites_table, stages_table
from clerk.database.transactions import transaction
from clerk.errors import ClerkError, ConflictError, NotFoundError, SettingError, UsageError
from clerk.plugin.loader import plugins
from clerk.settings import settings
from clerk_tasks import dispatcher
from clerk_tasks.broker.publisher import publisher
from devtools.services import free_port


def pages(subdomain: str, year: int = 2026, note: str = "") -> None:
    pass


class Plugin:
    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        return {"pages": JobType(pages), "alone": JobType(pages, unique="{job_type}:{subdomain}:{year}")}


@pytest.fixture(autouse=True)
def _ready(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", redis_url)
    plugins().add(Plugin(), name="dispatched", source="test", where="this test")
    with transaction() as connection:
        connection.execute(sa.insert(sites_table), [{"subdomain": "a.ca"}, {"subdomain": "b.ca"}])


def rows() -> list[int]:
    with transaction() as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (runs_table, stages_table, jobs_table)
        ]


@pytest.mark.parametrize(
    ("job_type", "site", "options", "kind", "text"),
    [
        ("page", "a.ca", {}, NotFoundError, "Did you mean pages"),
        ("pages", "c.ca", {}, NotFoundError, "There is no site 'c.ca'"),
        ("pages", "../x", {}, UsageError, r"\.\./x"),
        ("pages", "A B", {}, UsageError, "A B"),
        ("pages", "", {}, UsageError, "subdomain"),
        ("pages", None, {}, UsageError, "bad subdomain None"),
        ("pages", "a.ca", {"colour": 1}, UsageError, "unknown argument 'colour'"),
        ("pages", "a.ca", {"year": "soon"}, UsageError, "'year'"),
        ("pages", "a.ca", {"note": object()}, UsageError, "'note'"),
        ("pages", "a.ca", {"note": "x" * 65_600}, UsageError, "64 kB"),
        ("pages", "a.ca", {"priority": "urgent"}, UsageError, "high, normal, low"),
        ("pages", "a.ca", {"run_id": "a run"}, UsageError, "bad run id 'a run'"),
        ("pages", "a.ca", {"run_id": "x" * 301}, UsageError, "at most 300"),
        ("pages", "a.ca", {"priority": None}, UsageError, "Unknown priority None"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_recorded(
    job_type: str, site: Any, options: dict[str, Any], kind: type[ClerkError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        dispatcher.enqueue_job(job_type, site, **options)
    assert rows() == [0, 0, 0]


def test_a_batch_with_one_bad_job_records_none() -> None:
    with pytest.raises(UsageError, match="'year'"):
        dispatcher.enqueue_many([JobRequest("pages", "a.ca"), JobRequest("pages", "b.ca", {"year": "soon"})])
    assert rows() == [0, 0, 0]


def test_a_batch_of_many_sites_lets_others_write_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guard: SITES_AT_ONCE: 10 000 sites in one transaction would hold SQLite's lock past every other's patience."""
    monkeypatch.setattr(dispatcher, "SITES_AT_ONCE", 1)
    commits: list[int] = []
    sa.event.listen(engine(), "commit", lambda _: commits.append(1))
    enqueued = dispatcher.enqueue_many([JobRequest("pages", site) for site in ("a.ca", "b.ca", "a.ca")])
    assert (len(enqueued.job_ids), rows()) == (3, [2, 2, 3])
    assert len(commits) >= 2
    with pytest.raises(NotFoundError, match=r"There is no site 'c\.ca'"):
        dispatcher.enqueue_many([JobRequest("pages", site) for site in ("a.ca", "c.ca")])
    assert rows() == [2, 2, 3], "all of it, or none"


def test_a_unique_job_conflicts_with_the_one_that_is_unfinished() -> None:
    """Guard: the partial index, and ConflictError inside the transaction."""
    winner = dispatcher.enqueue_job("alone", "a.ca", year=2025)
    with pytest.raises(ConflictError, match=winner):
        dispatcher.enqueue_job("alone", "a.ca", year=2025)
    dispatcher.enqueue_job("alone", "a.ca", year=2024)
    assert rows() == [2, 2, 2]


def test_a_batch_skips_what_is_being_done_and_records_a_run_per_site() -> None:
    winner = dispatcher.enqueue_job("alone", "a.ca")
    batch = [JobRequest("alone", "a.ca"), *(JobRequest("pages", site) for site in ("b.ca", "a.ca", "b.ca"))]
    enqueued = dispatcher.enqueue_many(batch)
    assert enqueued.conflicts == {"alone:a.ca:2026": winner} or list(enqueued.conflicts.values()) == [winner]
    assert (len(enqueued.job_ids), enqueued.published) == (3, True)
    assert rows() == [3, 3, 4]


def test_a_run_id_of_the_caller_s_own_begins_a_run_unless_it_must_be_there() -> None:
    with pytest.raises(NotFoundError, match="There is no run 'nightly-7'"):
        dispatcher.enqueue(JobRequest("pages", "a.ca"), run_id="nightly-7", joins=True)
    assert rows() == [0, 0, 0]
    dispatcher.enqueue_job("pages", "a.ca", run_id="nightly-7")
    dispatcher.enqueue(JobRequest("pages", "a.ca"), run_id="nightly-7", joins=True)
    assert rows() == [1, 2, 2]


def test_two_joiners_of_one_run_both_get_their_stage() -> None:
    """Guard: serialise in _record."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(dispatcher.enqueue_job, "pages", "a.ca", run_id="a.ca_1_abcdef") for _ in range(8)]
        assert len({future.result(30) for future in futures}) == 8
    assert rows() == [1, 8, 8]


def test_a_job_is_recorded_while_the_broker_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Guard: `except BrokerUnavailable` in publish."""
    monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    settings.discard()
    enqueued = dispatcher.enqueue(JobRequest("pages", "a.ca", priority=Priority.HIGH))
    assert (enqueued.published, rows()) == (False, [1, 1, 1])
    (said,) = [record.getMessage() for record in caplog.records if record.name == "clerk_tasks.dispatcher"]
    assert said.endswith("refused. The work is recorded, and waits until the broker is back.")


def test_a_wrong_broker_address_is_found_before_anything_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guard: `publisher()` before the transaction. A command that failed has recorded nothing."""
    monkeypatch.setenv("BROKER_URL", "pigeon://localhost")
    settings.discard()
    publisher.discard()
    request = JobRequest("pages", "a.ca")
    with pytest.raises(SettingError, match="'pigeon' is not supported"):
        dispatcher.enqueue(request)
    with pytest.raises(SettingError, match="'pigeon' is not supported"):
        dispatcher.enqueue_many([request])
    with pytest.raises(SettingError, match="'pigeon' is not supported"):
        dispatcher.enqueue_chosen(lambda _: [request])
    assert rows() == [0, 0, 0]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("job_type", ["pages", "alone"])
def test_what_is_recorded_does_not_fail_when_the_database_goes_away_after_it(
    job_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: suppress in _afterwards. The broker is away, and the database is gone before that is noted."""
    monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    settings.discard()
    publisher.discard()
    file = Path(str(engine().url.database))

    class Vanish(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            file.rename(tmp_path / "elsewhere.db")

    vanish = Vanish()
    logging.getLogger("clerk_tasks.dispatcher").addHandler(vanish)
    enqueued = dispatcher.enqueue(JobRequest(job_type, "a.ca"))
    logging.getLogger("clerk_tasks.dispatcher").removeHandler(vanish)
    (tmp_path / "elsewhere.db").rename(file)
    assert (len(enqueued.job_ids), enqueued.published, rows()) == (1, False, [1, 1, 1])
