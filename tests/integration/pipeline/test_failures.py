"""Documents that cannot be read: kept, listed, not in the way, and never counted as done.

M§4.2 counted each of these as completed, deleted the PDF or tried it again for ever.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clerk.errors import NotFoundError, UsageError
from clerk.fetching.visitor import NotServed
from clerk.settings import settings
from devtools.city_papers import damaged_pdf
from devtools.papers import another_day, paper
from devtools.pdfs import locked, scan
from devtools.processes import wait_for
from tests.integration.pipeline.city import City, stages_of

pytestmark = pytest.mark.slow

BAD = {
    "empty": (b"", "has no bytes"),
    "web-page": (b"<html>The file is being prepared.</html>", "web page"),
    "truncated": (damaged_pdf("Minutes", "The council met."), "cannot be opened|failed|damaged|no pages"),
    "locked": (locked(), "password"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_document_is_kept_listed_and_in_nobodys_way(city: City, kind: str) -> None:
    content, reason = BAD[kind]
    city.publish("2024-01-02", content)
    city.publish("2024-01-03")
    run = city.day()
    assert run["state"] == "completed"
    assert stages_of(run)["ocr"] == ("closed", 3, 1)
    assert city.rows() == [("Council", "2024-01-03", 1)]
    assert city.waiting() == ["pdfs/Council/2024-01-02.pdf"]
    assert city.files("processed/*/*") == ["processed/Council/2024-01-03.txt"], "no marker says that it was read"
    (dead,) = city.jobs(state="discarded")
    assert "minutes Council 2024-01-02: " in dead["error"]
    assert any(word in dead["error"] for word in reason.split("|")), dead["error"]
    assert dead["attempt"] == 1, "what the bytes are will not change"
    row = city.row()
    assert (row["ocr_total"], row["ocr_completed"], row["ocr_failed"]) == (3, 2, 1)
    assert (row["last_error_stage"], row["last_error_message"]) == ("ocr", dead["error"])
    assert row["status"] == "deployed"


def test_what_was_given_up_is_not_tried_with_every_run(city: City) -> None:
    city.publish("2024-01-02", b"")
    city.day()
    run = city.day()
    assert stages_of(run)["ocr"] == ("closed", 1, 0)
    assert len(city.jobs(state="discarded")) == 1
    note = json.loads((city.root / "failed/Council/2024-01-02.json").read_text())
    assert note["job_id"] == city.jobs(state="discarded")[0]["id"]
    assert "has no bytes" in note["reason"]


def test_what_was_given_up_is_tried_when_its_pdf_changes(city: City) -> None:
    city.publish("2024-01-02", b"")
    city.day()
    (city.root / "pdfs/Council/2024-01-02.pdf").write_bytes(paper())
    assert stages_of(city.day())["ocr"] == ("closed", 2, 0)
    assert city.rows() == [("Council", "2024-01-02", 1)]
    assert city.files("failed/*/*") == []


def test_what_was_given_up_is_tried_by_hand(city: City) -> None:
    city.publish("2024-01-02", b"")
    city.day()
    run = city.day(start="ocr")
    assert stages_of(run)["ocr"] == ("closed", 2, 1)


@pytest.mark.parametrize(
    ("bad", "good", "threshold", "state"),
    [
        (2, 1, "0.67", "completed"),
        (2, 1, "0.66", "failed"),
        (1, 0, "0.5", "failed"),
        (1, 0, "1", "completed"),
    ],
)
def test_too_many_failures_stop_the_publishing(
    city: City, monkeypatch: pytest.MonkeyPatch, bad: int, good: int, threshold: str, state: str
) -> None:
    """It is the documents that are counted, not the job that lists them."""
    monkeypatch.setenv("CLERK_FAILED_DOCUMENTS", threshold)
    settings.discard()
    city.publish("2024-01-01")
    city.day()
    published = city.rows()
    for day in range(bad):
        city.publish(another_day(day + 1), b"")
    for day in range(good):
        city.publish(another_day(day + 10))
    run = city.day()
    assert run["state"] == state
    assert (city.rows() == published) == (state == "failed" or not good)
    assert city.hooks().count("deploy_municipality") == (1 if state == "failed" else 2)


def test_the_day_after_too_many_failures_is_no_better(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stopped one run stops the next, until somebody has looked; then it is passed over like any other."""
    monkeypatch.setenv("CLERK_FAILED_DOCUMENTS", "0.5")
    settings.discard()
    city.publish("2024-01-02", b"")
    assert [city.day()["state"] for _ in range(2)] == ["failed", "failed"]
    assert city.hooks() == []
    monkeypatch.setenv("CLERK_FAILED_DOCUMENTS", "1")
    settings.discard()
    assert [stages_of(city.day())["ocr"] for _ in range(2)] == [("closed", 2, 1), ("closed", 1, 0)]


@pytest.mark.parametrize(
    "error",
    [NotServed("robots.txt keeps us out"), UsageError("the limit pause is no number"), NotFoundError("no fetcher")],
    ids=lambda error: type(error).__name__,
)
def test_a_fetch_that_no_retry_can_mend_is_tried_once(city: City, error: Exception) -> None:
    def fetch_events(_: object) -> None:
        raise error

    city.plugin.fetcher.fetch_events = fetch_events
    assert city.day()["state"] == "failed"
    (dead,) = city.jobs(state="discarded")
    assert (dead["attempt"], dead["error"]) == (1, str(error))


def test_a_pdf_that_is_gone_is_no_success(city: City) -> None:
    city.publish("2024-01-02")
    city.update()
    city.work_one("fetch-site")
    city.work_one("coordinator")
    (city.root / "pdfs/Council/2024-01-02.pdf").unlink()
    city.work()
    (dead,) = city.jobs(state="discarded")
    assert "the PDF is gone; fetch it again" in dead["error"]


def test_one_page_that_fails_loses_no_page(city: City) -> None:
    """A document is in the database with all its pages, or not yet: the PDF waits for a better day."""

    class Reads(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def _ocr_with_tesseract(self, path: str | Path) -> str:
            if Path(path).name == "2.png":
                raise OSError("out of ink")
            return "text"

    able, city.plugin.fetcher = city.plugin.fetcher, Reads
    city.publish("2024-01-02", paper("one", "two", "three"))
    run = city.day()
    assert stages_of(run)["ocr"] == ("closed", 2, 1)
    assert city.rows() == []
    assert (city.waiting(), city.files("processed/*/*")) == (["pdfs/Council/2024-01-02.pdf"], [])
    (dead,) = city.jobs(state="discarded")
    assert (dead["attempt"], dead["error"]) == (3, "OSError: out of ink")
    city.plugin.fetcher = able
    city.day()
    assert [page for _, _, page in city.rows()] == [1, 2, 3]


def test_a_reading_that_could_not_begin_stops_the_run(city: City) -> None:
    """Its failure is the stage's, not a document's that one may do without."""

    class Reads(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def ocr(self, backend: str = "tesseract") -> None:
            raise OSError("the scanner is on fire")

    city.plugin.fetcher = Reads
    run = city.day()
    assert run["state"] == "failed"
    assert stages_of(run)["compilation"][0] == "cancelled"
    assert city.hooks() == []
    assert city.row()["last_error_stage"] == "ocr"


def test_a_reader_that_is_killed_is_replaced(city: City) -> None:
    """A PDF library may crash its process: ours lives, and the document gets another attempt."""
    from clerk.text.reader import shared_reader

    city.publish("2024-01-02")
    city.update()
    city.work_one("fetch-site")
    city.work_one("coordinator")
    shared_reader()._willing_child()._process.kill()
    wait_for(lambda: shared_reader()._willing_child()._process.poll() is not None, "the reader is dead")
    city.work()
    assert city.rows() == [("Council", "2024-01-02", 1)]


def test_operators_choose_the_engine(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_OCR_ENGINE", "none")
    settings.discard()
    city.publish("2024-01-02", scan("The council met."))
    city.publish("2024-01-03")
    city.day()
    assert city.rows() == [("Council", "2024-01-03", 1)]
    assert any("page 1 is an image" in job["error"] for job in city.jobs() if job["error"])
