"""What plugins add to the pipeline: hooks that act, and stages of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clerk import hookimpl
from clerk.jobs import JobType
from clerk.pipeline import Stage
from clerk.plugin.loader import plugin_manager, plugins
from devtools.papers import paper
from tests.integration.pipeline.city import SITE, City, stages_of

pytestmark = pytest.mark.slow

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
        from clerk.compilation.pages import hash_text_content

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
        ([Stage("people", "extract-pepole")], "'extract-pepole', which no plugin registers correctly"),
        ([Stage("ocr", "extract-people")], "there is a stage 'ocr' already"),
    ],
    ids=["text", "dict", "misspelt", "taken"],
)
def test_a_stage_that_cannot_be_added_stops_nobodys_run(city: City, stage: object, advice: str) -> None:
    plugin_manager().register(Extracts(stage))
    run = city.day()
    assert (run["state"], list(stages_of(run))) == ("completed", ["fetch", "ocr", "compilation", "deploy"])
    assert any(advice in entry.error for entry in plugins().quarantined if entry.name == "Extracts")
