"""What plugins add to the pipeline, and how it treats fetchers that have their own way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clerk import hookimpl
from clerk.jobs import JobType
from clerk.pipeline import Stage
from clerk.plugin_loader import plugin_manager, plugins
from tests.integration.pipeline.city import SITE, City, paper, stages_of

# --- hooks ----------------------------------------------------------------------------------------


def test_the_hooks_are_called_in_turn_with_what_they_need(city: City) -> None:
    city.publish("2024-01-02")
    run = city.day()
    database = str(city.root / "meetings.db")
    (pre, post, deploy, posted) = city.plugin.calls
    assert pre == ("pre_compilation", {"subdomain": SITE, "run_id": run["id"]})
    assert post == ("post_compilation", {"subdomain": SITE, "database_path": database, "run_id": run["id"]})
    assert deploy == ("deploy_municipality", {"subdomain": SITE})
    site = posted[1]["site"]
    assert (posted[0], site["subdomain"], site["pages"]) == ("post_deploy", SITE, 1)
    assert site["last_deployed"] == city.row()["last_deployed"], "the row as it is now"
    assert site["status"] != "deployed", "nothing is done before it is done"


@pytest.mark.parametrize("hook", ["pre_compilation", "post_compilation", "deploy_municipality", "post_deploy"])
def test_a_hook_that_raises_fails_its_job_for_all_to_see(city: City, hook: str) -> None:
    city.plugin.raising[hook] = OSError("no route to host")
    run = city.day()
    assert run["state"] == "failed"
    (dead,) = city.jobs(state="discarded")
    assert (dead["attempt"], dead["error"]) == (3, "OSError: no route to host")
    assert city.hooks().count(hook) == 3
    row = city.row()
    assert row["last_error_message"] == "OSError: no route to host"
    assert row["last_error_stage"] == run["stages"][-1 if "deploy" in hook else -2]["name"]
    assert row["status"] != "deployed"


class Uploads:
    """Stores static files in a dictionary."""

    def __init__(self, *, failing: int = 0) -> None:
        self.stored: dict[str, bytes] = {}
        self.failing = failing

    @hookimpl
    def upload_static_file(self, file_path: str, storage_path: str) -> None:
        if storage_path.endswith(".pdf") and self.failing:
            self.failing -= 1
            raise OSError("the store is full")
        self.stored[storage_path] = Path(file_path).read_bytes()


def test_static_files_are_stored_where_readers_look(city: City) -> None:
    uploads = Uploads()
    plugin_manager().register(uploads)
    content = paper("one", "two")
    city.publish("2024-01-02", content)
    city.publish("2024-01-03", kind="agenda")
    city.day()
    assert sorted(uploads.stored) == [
        f"/{SITE}/Council/2024-01-02/1.png",
        f"/{SITE}/Council/2024-01-02/2.png",
        f"/{SITE}/_agendas/Council/2024-01-03/1.png",
        f"{SITE}/_agendas/_pdfs/Council/2024-01-03.pdf",
        f"{SITE}/_pdfs/Council/2024-01-02.pdf",
    ]
    assert uploads.stored[f"{SITE}/_pdfs/Council/2024-01-02.pdf"] == content
    assert uploads.stored[f"/{SITE}/Council/2024-01-02/1.png"].startswith(b"\x89PNG")
    assert city.query("SELECT page_image FROM minutes")[0] == ("/Council/2024-01-02/1.png",)
    assert city.files("**/images/**/*") == []


def test_a_document_that_could_not_be_stored_is_kept_and_tried_again(city: City) -> None:
    uploads = Uploads(failing=1)
    plugin_manager().register(uploads)
    city.publish("2024-01-02")
    city.update()
    for job_type in ("fetch-site", "coordinator", "ocr-page"):
        city.work_one(job_type)
    assert city.waiting() == ["pdfs/Council/2024-01-02.pdf"]
    city.work()
    assert f"{SITE}/_pdfs/Council/2024-01-02.pdf" in uploads.stored
    assert city.waiting() == []


# --- stages ---------------------------------------------------------------------------------------


class Extracts:
    """A plugin with a stage, and the job type that it begins with."""

    def __init__(self, stage: object, function: Any = None, *, replaces: bool = False) -> None:
        self.stage, self.replaces = stage, replaces
        self.seen: list[str] = []
        self.function = function or self.extract

    def extract(self, subdomain: str) -> None:
        self.seen.append(subdomain)

    @hookimpl
    def register_stages(self) -> Any:
        return self.stage

    @hookimpl
    def register_job_types(self) -> Any:
        name = "extract-site" if self.replaces else "extract-people"
        return {name: JobType(self.function, queue="extraction", replaces=self.replaces)}


@pytest.mark.parametrize(
    ("after", "order"),
    [
        ("ocr", ["fetch", "ocr", "people", "compilation", "deploy"]),
        ("fetch", ["fetch", "people", "ocr", "compilation", "deploy"]),
        (None, ["fetch", "ocr", "compilation", "deploy", "people"]),
    ],
)
def test_a_stage_of_a_plugin_has_its_place(city: City, after: str | None, order: list[str]) -> None:
    plugin = Extracts([Stage("people", "extract-people", after=after)])
    plugin_manager().register(plugin)
    run = city.day()
    assert (run["state"], list(stages_of(run))) == ("completed", order)
    assert plugin.seen == [SITE]
    assert list(stages_of(city.day(start="people"))) == order[order.index("people") :]


def test_extract_site_is_a_plugins_to_supply(city: City) -> None:
    """The old compile and deploy waited for an extraction that nobody did; here it is a stage only if one is added."""
    assert "extraction" not in stages_of(city.day())
    plugin = Extracts([Stage("extraction", "extract-site", after="ocr")], replaces=True)
    plugin_manager().register(plugin)
    run = city.day()
    assert list(stages_of(run)) == ["fetch", "ocr", "extraction", "compilation", "deploy"]
    assert plugin.seen == [SITE]
    city.project_is_the_ledger(run["id"])


def test_what_was_extracted_is_in_the_database(city: City) -> None:
    def extract(subdomain: str) -> None:
        from clerk.page_files import hash_text_content

        folder = city.root / "txt/Council/2024-01-02"
        found = {
            "content_hash": hash_text_content((folder / "1.txt").read_text()),
            "entities": {"persons": ["Thompson"], "orgs": [], "locations": []},
            "votes": {"votes": []},
        }
        (folder / "0001.txt.extracted.json").write_text(json.dumps(found))

    plugin_manager().register(Extracts([Stage("extraction", "extract-site", after="ocr")], extract, replaces=True))
    city.publish("2024-01-02")
    city.day()
    assert json.loads(city.query("SELECT entities_json FROM minutes")[0][0])["persons"] == ["Thompson"]


@pytest.mark.parametrize(
    ("stage", "advice"),
    [
        ("people", "it must return a list of Stage"),
        ([{"name": "people"}], "it must return a list of Stage"),
        ([Stage("people", "extract-pepole")], "begins with job type 'extract-pepole', which nobody registers"),
        ([Stage("ocr", "extract-people")], "there is a stage 'ocr' already"),
    ],
    ids=["text", "dict", "misspelt", "taken"],
)
def test_a_stage_that_cannot_be_added_stops_nobodys_run(city: City, stage: object, advice: str) -> None:
    plugin_manager().register(Extracts(stage))
    run = city.day()
    assert (run["state"], list(stages_of(run))) == ("completed", ["fetch", "ocr", "compilation", "deploy"])
    assert any(advice in entry.error for entry in plugins().quarantined if entry.name == "Extracts")


# --- fetchers with their own way ------------------------------------------------------------------


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
        ("is silent", 3, "left no text, and did not say why"),
    ],
)
def test_a_document_that_a_fetcher_could_not_read_is_not_thrown_away(
    city: City, how: str, attempts: int, error: str
) -> None:
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
    said = [(record.job_id, record.stage) for record in caplog.records if record.getMessage().endswith(": reading")]  # type: ignore[attr-defined]
    assert sorted(said) == [(job["id"], "ocr") for job in reversed(city.jobs(job_type="ocr-page"))]
