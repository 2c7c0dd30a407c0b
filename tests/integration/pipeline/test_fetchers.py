"""How the pipeline treats fetchers that read or compile in their own way, or are none of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clerk import Fetcher
from clerk.plugin.loader import plugin_manager
from devtools.papers import paper
from devtools.trees import write_tree
from tests.integration.pipeline.city import City, stages_of

pytestmark = pytest.mark.slow


def test_a_fetcher_that_reads_everything_itself_is_let(city: City) -> None:
    class Reads(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def ocr(self, backend: str = "tesseract") -> None:
            page = self.layout.text("minutes", "Council", "2024-01-02") / "1.txt"
            page.parent.mkdir(parents=True)
            page.write_text("my own words")

    city.plugin.fetcher = Reads
    city.publish("2024-01-02")
    run = city.day()
    assert stages_of(run)["ocr"] == ("closed", 1, 0)
    assert city.query("SELECT text FROM minutes") == [("my own words",)]


def test_a_fetcher_whose_fetch_events_is_a_generator_runs_to_its_end(city: City) -> None:
    class Yields(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def fetch_events(self) -> Iterator[str]:
            for date in ("2024-01-02", "2024-01-03"):
                city.publish(date)
                super().fetch_events()
                yield date

    city.plugin.fetcher = Yields
    city.day()
    assert [date for _, date, _ in city.rows()] == ["2024-01-02", "2024-01-03"]


def test_the_dates_of_an_update_reach_the_fetcher(city: City) -> None:
    seen: list[tuple[str, str]] = []

    class Dated(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def fetch_events(self) -> None:
            seen.append((str(self.start_date.date()), str(self.end_date.date())))

    city.plugin.fetcher = Dated
    city.day(start_date="2024-05-06", end_date="2024-06-07")
    assert seen == [("2024-05-06", "2024-06-07")]


def test_a_document_is_downloaded_again_and_read_again(city: City) -> None:
    city.publish("2024-01-02")
    city.day()
    words = city.query("SELECT text FROM minutes")
    city.publish("2024-01-02", paper("corrected"))
    city.day()
    assert city.query("SELECT text FROM minutes") == words, "it is there"
    city.day(again=[["minutes", "Council", "2024-01-02"]])
    assert city.query("SELECT text FROM minutes") != words


class OwnJob:
    """The reading of one document as an older fetcher does it: it keeps its failures to itself."""

    how = "reads"
    asked: list[tuple[Any, ...]]

    def do_ocr_job(
        self, job: tuple[str, str, str], manifest: Any, job_id: str, backend: str = "tesseract", run_id: Any = None
    ) -> None:
        type(self).asked = [*getattr(self, "asked", []), (job, backend, run_id)]
        prefix, meeting, date = job
        if self.how == "reads":
            folder = Path(f"{self.dir_prefix}{prefix}/txt/{meeting}/{date}")  # type: ignore[attr-defined]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "1.txt").write_text("my own words")
        elif self.how == "records":
            manifest.record_failure(
                job_id=job_id,
                document_path="x.pdf",
                meeting=meeting,
                date=date,
                error_type="permanent",
                error_class="PdfReadError",
                error_message="EOF marker not found",
                retry_count=0,
            )
        elif self.how == "writes":
            manifest.write(json.dumps({"error_type": "transient", "error_message": "the scanner is busy"}) + "\n")


@pytest.mark.parametrize(("kind", "prefix"), [("minutes", ""), ("agenda", "/_agendas")])
def test_a_fetcher_reads_a_document_in_its_own_way(city: City, kind: str, prefix: str) -> None:
    city.plugin.fetcher = reads = type("Reads", (OwnJob, city.plugin.fetcher), {})
    city.publish("2024-01-02", kind=kind)
    run = city.day()
    assert reads.asked == [((prefix, "Council", "2024-01-02"), "tesseract", run["id"])]  # type: ignore[attr-defined]
    assert city.query(f"SELECT text FROM {'minutes' if kind == 'minutes' else 'agendas'}") == [("my own words",)]
    assert city.waiting() == []


@pytest.mark.parametrize(
    ("how", "attempts", "error"),
    [
        ("records", 1, "EOF marker not found"),
        ("writes", 3, "the scanner is busy"),
        ("is silent", 3, "left no text and gave no reason"),
    ],
)
def test_what_a_fetcher_could_not_read_is_not_thrown_away(city: City, how: str, attempts: int, error: str) -> None:
    """Its failures are swallowed by contract: to take the return for success loses the document."""
    city.plugin.fetcher = type("Reads", (OwnJob, city.plugin.fetcher), {"how": how})
    city.publish("2024-01-02")
    run = city.day()
    assert stages_of(run)["ocr"] == ("closed", 2, 1)
    (dead,) = city.jobs(state="discarded")
    assert (dead["attempt"], error in dead["error"]) == (attempts, True), dead["error"]
    assert city.waiting() == ["pdfs/Council/2024-01-02.pdf"]
    assert city.files("**/processed/*/*") == []


def test_an_engine_of_the_fetchers_own_sees_every_page(city: City) -> None:
    class Reads(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def _ocr_with_tesseract(self, path: str | Path) -> str:
            return f"read {Path(path).name}"

    city.plugin.fetcher = Reads
    city.publish("2024-01-02", paper("one", "two"))
    city.publish("2024-01-03", b"%PDF-1.4 nothing of one")
    city.day()
    assert city.query("SELECT text FROM minutes ORDER BY page") == [("read 1.png",), ("read 2.png",)]
    assert city.waiting() == ["pdfs/Council/2024-01-03.pdf"]


def test_a_fetcher_compiles_in_its_own_way(city: City) -> None:
    """And the site's page count is still kept: workers forgot it where the command line did not."""

    class Compiles(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def transform(self) -> None:
            self.assert_site_db_exists()
            page = {"id": "1", "meeting": "Council", "date": "2024-01-02", "page": 1, "text": "mine"}
            self.db["minutes"].insert(page)
            self.db.conn.close()

    city.plugin.fetcher = Compiles
    city.day()
    assert city.query("SELECT text FROM minutes") == [("mine",)]
    assert city.row()["pages"] == 1


def test_a_fetcher_that_is_no_fetcher_of_ours(city: City) -> None:
    """Any object with fetch_events() will do; what it lacks, we do."""

    class Plain:
        def __init__(self, site: dict[str, Any], start_year: int | None = None, all_agendas: bool = False) -> None:
            self.site = site

        def fetch_events(self) -> None:
            target = city.root / "pdfs/Council/2024-01-02.pdf"
            target.parent.mkdir(parents=True)
            target.write_bytes(paper())

    city.plugin.fetcher = Plain
    city.day()
    assert city.rows() == [("Council", "2024-01-02", 1)]


def test_one_that_is_none_of_ours_compiles_by_the_function_that_it_always_used(city: City) -> None:
    """As the RQ-based clerk's guide has it: `transform()` imports what it needs from the command line."""
    compiled = []

    class Plain:
        def __init__(self, site: dict[str, Any], start_year: int | None = None, all_agendas: bool = False) -> None:
            self.subdomain = site["subdomain"]

        def fetch_events(self) -> None:
            write_tree(city.root, {"txt/Council/2024-01-02/1": "one"})

        def transform(self) -> None:
            from clerk.cli import build_db_from_text_internal

            compiled.append(build_db_from_text_internal(self.subdomain))

    city.plugin.fetcher = Plain
    assert city.day()["state"] == "completed"
    assert (city.rows(), compiled) == ([("Council", "2024-01-02", 1)], [None])


class Unfinished:
    """What an author has begun to write."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.site = site


@pytest.mark.parametrize(
    ("fetcher", "error"),
    [
        (Unfinished, "the fetcher, of type Unfinished, has no method fetch_events"),
        (lambda _site: None, "the fetcher, of type NoneType, has no method fetch_events"),
        (lambda _site: Fetcher, "the fetcher is the class Fetcher: return an instance of it ("),
        ("acme.fetcher:Acme", "fetcher_class of plugin CityPlugin returned 'acme.fetcher:Acme' for label 'papers'"),
        (Fetcher, "NotImplementedError: clerk.fetching.fetcher.Fetcher must implement fetch_events() ("),
    ],
    ids=["without fetch_events", "nothing", "a class", "a name", "not written"],
)
def test_a_fetcher_that_is_not_finished_makes_a_dead_letter_at_once(city: City, fetcher: object, error: str) -> None:
    city.plugin.fetcher = fetcher
    assert city.day()["state"] == "failed"
    (dead,) = city.jobs(state="discarded")
    assert (dead["error"][: len(error)], dead["attempt"]) == (error, 1)


def test_without_a_fetcher_the_error_names_the_label(city: City) -> None:
    plugin_manager().unregister(city.plugin)
    assert city.day()["state"] == "failed"
    (dead,) = city.jobs(state="discarded")
    assert "no plugin has a fetcher for label 'papers'" in dead["error"]


def test_papers_that_came_without_a_fetcher_are_read(city: City) -> None:
    plugin_manager().unregister(city.plugin)
    target = city.root / "pdfs/Council/2024-01-02.pdf"
    target.parent.mkdir(parents=True)
    target.write_bytes(paper())
    assert city.day(start="ocr")["state"] == "completed"
    assert city.rows() == [("Council", "2024-01-02", 1)]


def test_each_job_logs_under_its_own_id(city: City, caplog: pytest.LogCaptureFixture) -> None:
    """One fetcher serves many jobs, as one global logger did."""

    class Reads(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def _ocr_with_tesseract(self, path: str | Path) -> str:
            self.logger.log("reading")
            return "text"

    city.plugin.fetcher = Reads
    city.publish("2024-01-02")
    city.publish("2024-01-03")
    with caplog.at_level("INFO", "clerk.plugin"):
        city.day()
    said = [(record.job_id, record.stage) for record in caplog.records if record.getMessage() == "reading"]  # type: ignore[attr-defined]
    assert sorted(said) == [(job["id"], "ocr") for job in reversed(city.jobs(job_type="ocr-page"))]
