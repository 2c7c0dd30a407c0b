"""The disk is full: what is published stays, what is accepted waits, and freeing some space is all it takes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from clerk import JobRequest
from clerk.errors import DatabaseUnavailable
from clerk.settings import settings
from clerk_tasks.dispatcher import enqueue
from devtools.netfile_books import Gift, Report, rows_of, workbook
from devtools.processes import wait_for
from devtools.small_disk import SmallDisk, mounted
from devtools.system import SITE, System
from tests.faults.conftest import MakeSystem


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return an empty disk of eight megabytes."""
    with mounted(tmp_path / "disk", megabytes=8) as disk:
        yield disk


def book(year: int, gifts: int) -> bytes:
    """Return a year's workbook with so many gifts of 100 dollars."""
    given = [Gift("Boone", f"Ada {number}", "Oakland", "94611", date(year, 2, 1), 100.0) for number in range(gifts)]
    report = Report("1234567", "Oak PAC", "000", date(year, 7, 30), date(year, 1, 1), date(year, 6, 30), given)
    return workbook(rows_of(report))


def gifts_in(database: Path) -> int:
    """Count the gifts in a published database that is whole."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM monetary_contributions").fetchone()[0])


@pytest.mark.fault("F10")
def test_a_full_disk_leaves_the_published_database_as_it_was(
    system: System, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant I6: the ETL fails and is retried; readers keep the whole old database."""
    monkeypatch.setenv("STORAGE_DIR", str(small_disk.root))
    finance = small_disk.root / SITE / "finance"
    (finance / "drop").mkdir(parents=True)
    (finance / "drop" / "2022.xlsx").write_bytes(book(2022, 5))
    worker = system.programs.clerk("worker", "finance", "-c", "1")
    assert system.wait_for_end(system.enqueue("finance-etl"), deadline=60) == ["completed"]
    published = finance / "election_finance.db"
    before = published.read_bytes()

    (finance / "drop" / "2023.xlsx").write_bytes(book(2023, 1500))
    small_disk.fill(leave=300_000)
    job_id = system.enqueue("finance-etl")
    job = system.wait_until(job_id, "retryable")
    assert "full" in job["error"] or "No space left" in job["error"], job["error"]
    assert published.read_bytes() == before
    assert gifts_in(published) == 5
    small_disk.free()
    assert system.wait_for_end(job_id, deadline=60) == ["completed"]
    assert gifts_in(published) == 1505
    assert not list(finance.glob(".work-*")), "nothing of the failed attempt is left"
    assert worker.alive


@pytest.mark.fault("F10")
def test_a_full_disk_under_sqlite_is_waited_out(
    small_disk: SmallDisk, make_system: MakeSystem, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outcomes wait to be recorded, new jobs are refused, and no process exits."""
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), small_disk.root / "civic.db")
    monkeypatch.setenv("DATABASE_URL", url := f"sqlite:///{small_disk.root / 'civic.db'}")
    system = make_system(url)
    worker = system.worker("-c", "2")
    done = system.enqueue("lingers")
    system.wait_until_began(done)
    wait_for(lambda: system.effects()[done], "the effect is there")
    small_disk.fill()
    accepted = [done]

    def enqueue_until_refused() -> None:
        while True:  # the log may have room left that it uses again
            accepted.append(system.enqueue("note"))

    with pytest.raises(DatabaseUnavailable, match="full"):
        enqueue_until_refused()
    system.open_gate()
    worker.wait_for_log("disk is full", count=3)
    small_disk.free()
    assert set(system.wait_for_end(*accepted, deadline=60)) == {"completed"}
    assert system.effects() == dict.fromkeys(accepted, 1)
    assert system.attempts(done) == ["completed"]
    assert worker.alive


@pytest.mark.slow
@pytest.mark.fault("F10")
@pytest.mark.fast
def test_a_full_disk_under_the_broker_costs_nothing(
    system: System, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Valkey cannot write its log, and answers MISCONF to publishers and consumers alike."""
    monkeypatch.setenv("CLERK_HOME", str(small_disk.root))
    settings.discard()
    worker = system.worker("-c", "1")
    running = system.enqueue("gated")
    system.wait_until_began(running)
    small_disk.fill()
    accepted = [running]

    def refused() -> bool:
        accepted.extend(enqueue(JobRequest("note", SITE), always_publish=True).job_ids)
        return "MISCONF" in caplog.text

    wait_for(refused, "the broker refuses a message")
    system.open_gate()
    assert system.wait_for_end(running) == ["completed"], "work that has begun needs no broker"
    small_disk.free()
    assert set(system.wait_for_end(*accepted, deadline=60)) == {"completed"}
    assert system.effects() == dict.fromkeys(accepted, 1)
    assert worker.alive
