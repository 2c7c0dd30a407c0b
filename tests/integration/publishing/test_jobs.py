"""Publishing as a job of the pipeline: the list of sites, and an attempt that no longer owns its job."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clerk.compilation.compile import compile_meetings
from clerk.database.held import HeldConnection
from clerk.fetching.failure_notes import owed_file
from clerk.fetching.layout import Layout
from clerk.jobs import Fenced, running
from clerk.publication import Refused, provenance
from clerk_tasks.ledger import leases
from clerk_tasks.worker.running_job import RunningJob
from devtools.cities import City
from plugins.local_publish import LocalPublishPlugin
from plugins.local_publish.deploy import shelves
from tests.integration.ledger.ledger import LedgerOf, job

plugin = LocalPublishPlugin


def add_site(subdomain: str, **columns: Any) -> None:
    from clerk.database.transactions import transaction
    from clerk.sites.rows import insert_site

    with transaction() as connection:
        insert_site(connection, {"subdomain": subdomain, **columns})


def sites_db(city: City) -> Path:
    return city.published.parent / "sites.db"


def read_sites(city: City) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{sites_db(city)}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM sites ORDER BY subdomain")]


@pytest.mark.usefixtures("database_url")
def test_the_list_of_sites_is_published_with_every_column_but_no_secret(city: City) -> None:
    from clerk.database.tables import sites_table

    add_site("oakland.ca", name="Oakland", lat="37.8", pages=3, extra='{"token": "secret"}', has_finance_data=True)
    plugin().post_deploy({"subdomain": "oakland.ca"})
    (oakland,) = read_sites(city)
    assert list(oakland) == [column.name for column in sites_table.columns]
    assert (oakland["name"], oakland["lat"], oakland["pages"], oakland["has_finance_data"]) == ("Oakland", "37.8", 3, 1)
    assert oakland["extra"] is None
    assert b"secret" not in sites_db(city).read_bytes()
    add_site("alameda.ca", name="Alameda")
    plugin().post_deploy({"subdomain": "alameda.ca"})
    assert [site["name"] for site in read_sites(city)] == ["Alameda", "Oakland"]


def read_municipalities(city: City, columns: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{sites_db(city)}?mode=ro", uri=True)) as connection:
        return connection.execute(f"SELECT {columns} FROM municipalities ORDER BY subdomain").fetchall()


@pytest.mark.usefixtures("database_url")
def test_people_have_a_table_of_municipalities(city: City) -> None:
    add_site(city.subdomain, name="Oakland", state="CA", kind="city", pages=2, last_updated="2026-11-27T03:00:00")
    add_site("napa.ca", finance_last_updated=datetime(2026, 11, 20, tzinfo=UTC))
    city.compile("A page.", "Another.")
    shutil.copytree(city.storage / "txt/Council/2026-01-02", city.storage / "txt/Council/2999-01-02")  # a future agenda
    compile_meetings(city.storage, city.subdomain, into=city.storage / "meetings.db")
    owed_file(Layout(city.storage)).write_text('[["minutes", "Council", "2026-02-03"], ["agenda", "Council", "x"]]')
    plugin().deploy_municipality(city.subdomain)
    plugin().post_deploy({"subdomain": city.subdomain})
    assert read_municipalities(city, "*") == [
        (*("napa.ca", "napa.ca", None, None, None, None, 0), "money up to date as of 2026-11-20", 0, ""),
        (
            *(city.subdomain, "Oakland", "CA", "city", "2026-01-02", "2026-11-27", 2),
            *("meetings up to date as of 2026-11-27, 2 documents owed", 2, "meetings"),
        ),
    ]


@pytest.mark.usefixtures("sqlite_url")
def test_only_the_files_of_the_site_that_was_deployed_are_looked_at(city: City) -> None:
    for name in (city.subdomain, "napa.ca"):
        add_site(name)
        plugin().post_deploy({"subdomain": name})
        owed = owed_file(Layout(city.storage.parent / name))
        owed.parent.mkdir(parents=True, exist_ok=True)
        owed.write_text('[["minutes", "Council", "2026-02-03"]]')
    plugin().post_deploy({"subdomain": "napa.ca"})
    assert read_municipalities(city, "subdomain, documents_owed") == [("napa.ca", 1), (city.subdomain, 0)]


@pytest.mark.usefixtures("sqlite_url")
def test_a_list_that_lost_most_of_its_sites_is_not_published(city: City) -> None:
    from clerk.database.transactions import transaction
    from clerk.sites.rows import delete_site

    names = [f"town{n}.ca" for n in range(5)]
    for name in names:
        add_site(name)
    plugin().post_deploy({"subdomain": names[0]})
    with transaction() as connection:
        for name in names[1:]:
            delete_site(connection, name)
    with pytest.raises(Refused, match=r"sites\.db was not published, it has 1 rows after 5"):
        plugin().post_deploy({"subdomain": names[0]})
    assert len(read_sites(city)) == 5


WORK: dict[str, Callable[[City, Path], object]] = {
    "a database": lambda city, _: plugin().deploy_municipality(city.subdomain),
    "the list of sites": lambda city, _: plugin().post_deploy({"subdomain": city.subdomain}),
    "a static file": lambda _, file: plugin().upload_static_file(str(file), "/oakland.ca/1.png"),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_an_attempt_that_lost_its_job_publishes_nothing(
    city: City, sqlite_url: str, tmp_path: Path, work: Callable[[City, Path], object]
) -> None:
    """Its worker was stopped for so long that another took the job over, and now it goes on."""
    ledger, file = LedgerOf(sqlite_url), tmp_path / "1.png"
    (job_id,) = ledger.record([job(job_type="deploy-site", subdomain=city.subdomain, max_attempts=3)]).job_ids
    add_site(city.subdomain, name="Old")
    city.compile("old")
    file.write_bytes(b"old")
    claim = ledger.claim(job_id)
    zombie = RunningJob(claim, HeldConnection(ledger.engine))
    with running(zombie):
        work(city, file)
    before = published(city)

    ledger.do(leases.lost, claim, "its worker was stopped")
    city.compile("new")
    file.write_bytes(b"new")
    with running(zombie), pytest.raises(Fenced):
        work(city, file)
    assert published(city) == before
    ledger.engine.dispose()


def test_a_rollback_is_not_forgotten_for_an_attempt_that_lost_its_job(city: City, sqlite_url: str) -> None:
    ledger = LedgerOf(sqlite_url)
    (job_id,) = ledger.record([job(max_attempts=3)]).job_ids
    for text in ("good", "bad"):
        city.compile(text)
        plugin().deploy_municipality(city.subdomain)
    shelf = shelves(city.subdomain)[0]
    shelf.roll_back()
    claim = ledger.claim(job_id)
    ledger.do(leases.lost, claim, "its worker was stopped")
    with shelf.making() as new, running(RunningJob(claim, HeldConnection(ledger.engine))):
        city.compile("better").rename(new)
        with pytest.raises(Fenced):
            shelf.put(keep=3)
    assert city.versions() == [["good"], ["bad"]]
    ledger.engine.dispose()


def published(city: City) -> dict[str, bytes]:
    files = (path for path in city.published.parent.rglob("*") if path.is_file())
    return {path.relative_to(city.published.parent).as_posix(): path.read_bytes() for path in files}


def test_a_published_database_knows_its_run(city: City, sqlite_url: str) -> None:
    ledger = LedgerOf(sqlite_url)
    (job_id,) = ledger.record([job()], run_id="oakland.ca_1767312000_abc123").job_ids
    city.compile("A page.")
    with running(RunningJob(ledger.claim(job_id), HeldConnection(ledger.engine))):
        plugin().deploy_municipality(city.subdomain)
    known = provenance(city.live)
    assert known is not None
    assert known.run_id == "oakland.ca_1767312000_abc123"
    assert "publishing" in ledger.job(job_id).note
    ledger.engine.dispose()
