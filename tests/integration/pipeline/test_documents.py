"""One document from a PDF that waits to its text in place: how often it commits, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clerk.jobs import Fenced, JobContext, Retry, running
from clerk.meetings import ocr_job
from clerk.plugin.loader import plugin_manager
from devtools.papers import paper
from plugins.local_publish import LocalPublishPlugin
from tests.integration.pipeline.city import SITE, City
from tests.integration.pipeline.test_plugins import Uploads

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("second", "kept"), [(0.0, ["txt/Council/2024-01-02/1.txt"]), (1e6, [])], ids=["slow", "fast"])
def test_what_took_long_to_read_is_not_read_again_for_a_failed_upload(
    city: City, monkeypatch: pytest.MonkeyPatch, second: float, kept: list[str]
) -> None:
    monkeypatch.setattr(ocr_job, "PROGRESS", second)
    plugin_manager().register(Uploads(failing=1))
    city.publish("2024-01-02")
    city.update()
    for job_type in ("fetch-site", "coordinator", "ocr-page"):
        city.work_one(job_type)
    assert [name for name in city.files("txt/**/*.txt") if "~" not in name] == kept
    city.work()
    assert city.rows() == [("Council", "2024-01-02", 1)]


class Job(JobContext):
    """A job that remembers what it was asked, and may lose its attempt before its only commit."""

    def __init__(self, *, fenced: bool = False) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.fenced = fenced

    def progress(self, message: str) -> None:
        self.asked.append(message)

    def checkpoint(self) -> None:
        self.asked.append("checkpoint")

    @contextmanager
    def fence(self) -> Iterator[None]:
        self.asked.append("fence")
        if self.fenced:
            raise Fenced("another attempt has taken over")
        yield


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Fetch a document of two pages, with a plugin that publishes static files; return where these go."""
    monkeypatch.setenv("CLERK_PUBLISH_DIR", str(tmp_path / "public"))
    city: City = request.getfixturevalue("city")
    plugin_manager().register(LocalPublishPlugin())
    city.publish("2024-01-02", paper("one", "two"))
    city.update()
    city.work_one("fetch-site")
    return tmp_path / "public/static"


def read(job: Job) -> None:
    with running(job):
        ocr_job.ocr_page(SITE, "r", kind="minutes", meeting="Council", date="2024-01-02")


def static(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_document_takes_two_fences_and_says_nothing_within_a_second(fetched: Path, city: City) -> None:
    """The disk is waited for between them: a fence on SQLite stops all that write."""
    job = Job()
    read(job)
    assert job.asked == ["fence", "fence"]
    names = [f"Council/2024-01-02/{page}.png" for page in (1, 2)]
    assert static(fetched) == sorted(f"{SITE}/{name}" for name in (*names, "_pdfs/Council/2024-01-02.pdf"))
    assert city.files("txt/**/*.txt") == [f"txt/Council/2024-01-02/{page}.txt" for page in (1, 2)]


def test_pages_are_reported_once_a_second(fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_job, "PROGRESS", 0.0)
    job = Job()
    read(job)
    assert job.asked[:4] == ["page 1", "checkpoint", "page 2", "checkpoint"]


def test_a_pdf_that_is_replaced_while_its_text_gets_to_the_disk_is_kept_and_read_again(city: City) -> None:
    """Guard: the second _require_same. A fetch may go on while documents are read."""
    city.publish("2024-01-02", paper("one"))
    city.update()
    city.work_one("fetch-site")
    pdf = city.root / city.waiting()[0]

    class Replacing(Job):
        @contextmanager
        def fence(self) -> Iterator[None]:
            with super().fence():
                yield
            if len(self.asked) == 1:
                pdf.with_suffix(".new").write_bytes(paper("two"))
                pdf.with_suffix(".new").replace(pdf)

    with pytest.raises(Retry, match="replaced while it was read"):
        read(Replacing())
    assert city.files("processed/**/*") == []
    read(Job())
    assert (city.root / "txt/Council/2024-01-02/1.txt").read_text().split()[-1] == "two."
    assert city.waiting() == []


def test_an_attempt_that_is_fenced_off_leaves_no_text_and_no_static_file(fetched: Path, city: City) -> None:
    with pytest.raises(Fenced):
        read(Job(fenced=True))
    assert static(fetched) == []
    assert city.files("txt/**/*.txt") == []
    assert city.waiting() == ["pdfs/Council/2024-01-02.pdf"]
