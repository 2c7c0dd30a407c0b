"""What a run makes of a city's papers, day after day."""

from __future__ import annotations

import shutil

import pytest

from clerk.database.transactions import transaction
from clerk.sites.rows import update_site
from devtools.papers import WORDS, paper
from devtools.pdfs import scan
from tests.integration.pipeline.city import SITE, City, stages_of

pytestmark = pytest.mark.slow


def test_a_first_day(city: City) -> None:
    city.publish("2024-01-02", paper("one", "two"))
    city.publish("2024-01-02", kind="agenda")
    run = city.day()
    assert run["state"] == "completed"
    assert stages_of(run) == {
        "fetch": ("closed", 1, 0),
        "ocr": ("closed", 3, 0),
        "compilation": ("closed", 1, 0),
        "deploy": ("closed", 1, 0),
    }
    assert city.rows() == [("Council", "2024-01-02", 1), ("Council", "2024-01-02", 2)]
    assert city.rows("agendas") == [("Council", "2024-01-02", 1)]
    assert city.waiting() == []
    assert city.files("**/processed/*/*") == [
        "_agendas/processed/Council/2024-01-02.txt",
        "processed/Council/2024-01-02.txt",
    ]
    assert city.query("SELECT rowid FROM minutes_fts WHERE minutes_fts MATCH 'heron'") == [(1,), (2,)]
    row = city.row()
    assert (row["status"], row["current_stage"], row["pages"]) == ("deployed", "completed", 3)
    assert None not in (row["last_updated"], row["last_deployed"], row["started_at"])


def test_a_quiet_day_is_a_success(city: City) -> None:
    city.publish("2024-01-02")
    city.day()
    before = city.rows()
    run = city.day()
    assert run["state"] == "completed"
    assert stages_of(run)["ocr"] == ("closed", 1, 0), "the coordinator alone"
    assert city.rows() == before
    assert city.hooks().count("deploy_municipality") == 2
    row = city.row()
    assert (row["status"], row["last_error_message"]) == ("deployed", None)


def test_a_city_without_a_single_paper_ends_well(city: City) -> None:
    """Zero documents must not leave the reading waiting for one; not even the folders are there."""
    shutil.rmtree(city.root, ignore_errors=True)
    run = city.day()
    assert run["state"] == "completed"
    assert city.rows() == []
    assert city.row()["pages"] == 0


def test_what_was_read_is_not_read_again(city: City) -> None:
    city.publish("2024-01-02")
    city.day()
    page = city.root / "txt/Council/2024-01-02/1.txt"
    read_at = page.stat().st_mtime_ns
    (city.root / "pdfs/Council").mkdir(parents=True, exist_ok=True)
    (city.root / "pdfs/Council/2024-01-02.pdf").write_bytes(paper())
    city.day()
    assert page.stat().st_mtime_ns == read_at
    assert city.waiting() == []


def test_a_revised_paper_is_read_again(city: City) -> None:
    city.publish("2024-01-02")
    city.day()
    (city.root / "processed/Council/2024-01-02.txt").unlink()  # as the fetchers of sources that tell of revisions do
    city.publish("2024-01-02", paper("revisions"))
    city.day()
    assert "revisions" in city.query("SELECT text FROM minutes")[0][0]


def test_a_paper_published_anew_while_it_is_read_is_read_again(city: City) -> None:
    """Else the newer one would be thrown away with the older one that was read."""

    class Uploads:
        from clerk import hookimpl

        @hookimpl
        def upload_static_file(self, file_path: str, storage_path: str) -> None:
            if not city.papers["minutes", "Council", "2024-01-02"].count(b"newer") and storage_path.endswith(".pdf"):
                city.publish("2024-01-02", newer := paper("the newer one") + b"\n% newer")
                (city.root / "pdfs/Council/2024-01-02.pdf").write_bytes(newer)

    from clerk.plugin.loader import plugin_manager

    plugin_manager().register(Uploads())
    city.publish("2024-01-02")
    run = city.day()
    assert run["state"] == "completed"
    assert "the newer one" in city.query("SELECT text FROM minutes")[0][0]
    assert city.waiting() == []


def test_pages_are_in_the_order_of_their_numbers(city: City) -> None:
    city.publish("2024-01-02", paper(*(f"number {number}" for number in range(1, 12))))
    city.day()
    pages = city.query("SELECT page, text FROM minutes ORDER BY rowid")
    assert [page for page, _ in pages] == list(range(1, 12))
    assert all(f"about number {page}." in text for page, text in pages)


def test_a_scan_is_read(city: City) -> None:
    city.publish("2024-01-02", scan(*WORDS))
    city.day()
    assert city.query("SELECT count(*) FROM minutes_fts WHERE minutes_fts MATCH 'heron AND bridge'") == [(1,)]


@pytest.mark.parametrize("folder", [" Council ", "Council\n", "Ausschuß für Straßen & Plätze", "C" * 200])
def test_a_folder_of_any_name_is_read(city: City, folder: str) -> None:
    """Fetchers may write by themselves, under names that we would not have chosen."""
    target = city.root / "pdfs" / folder / "2024-01-02.pdf"
    target.parent.mkdir(parents=True)
    target.write_bytes(paper())
    run = city.day()
    assert run["state"] == "completed"
    assert len(city.rows()) == 1
    assert city.waiting() == []


def test_hidden_files_are_nobodys_papers(city: City) -> None:
    for name in (".unfinished/2024-01-02.pdf", "Council/.2024-01-02.pdf"):
        target = city.root / "pdfs" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(paper())
    assert stages_of(city.day())["ocr"] == ("closed", 1, 0)


def test_readers_have_a_database_at_every_moment(city: City) -> None:
    """The old compile deleted meetings.db first; here a failing one leaves the old, to the byte."""
    city.publish("2024-01-02")
    city.day()
    before = (city.root / "meetings.db").read_bytes()
    city.publish("2024-01-03")
    city.plugin.raising["pre_compilation"] = OSError("no disk")
    assert city.day()["state"] == "failed"
    assert (city.root / "meetings.db").read_bytes() == before
    opened = (city.root / "meetings.db").open("rb")
    del city.plugin.raising["pre_compilation"]
    city.day(start="compilation")
    with opened:
        assert opened.read() == before, "who had it open keeps it whole"
    assert len(city.rows()) == 2


def test_a_fetch_that_failed_does_not_count_as_an_update(city: City) -> None:
    """Else the next one would begin where nothing was got, and a year's late minutes be lost."""
    with transaction() as connection:
        update_site(connection, SITE, {"last_updated": "2024-05-01T00:00:00"})
    city.plugin.fetcher.fetch_events = _fails
    assert city.day()["state"] == "failed"
    assert city.row()["last_updated"] == "2024-05-01T00:00:00"


def test_an_update_is_as_old_as_the_beginning_of_its_fetch(city: City) -> None:
    run = city.day()
    assert city.row()["last_updated"] >= run["created_at"][:19]
    assert city.row()["last_updated"] <= city.jobs(job_type="fetch-site")[0]["finished_at"][:19]


def _fails(self: object) -> None:
    raise OSError("the city's server is down")
