"""The replies of a fetch are kept in a file, without secrets, and answer later in their place."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from clerk import Fetcher, hookimpl
from clerk.errors import UsageError
from clerk.fetching.visitor import Visitor
from clerk.testing import Harness, Reply, Website, replay, run_job
from clerk_tasks.operations.recordings import record_site, replay_site
from devtools.city_papers import text_pdf

SITE = "alameda.ca"


class Reads(Fetcher):
    """Lists two documents, and downloads them, one by the library that an older fetcher uses."""

    def fetch_events(self) -> None:
        url = self.site["extra"].split('"')[3]
        asked = {"params": {"token": "s3cret", "from": self.start_date.date().isoformat(), "to": f"{self.today:%F}"}}
        listed = Visitor().request("GET", f"{url}/list", headers={"X-Api-Key": "s3cret"}, **asked).text
        for day in listed.split():
            self.layout.pdf("minutes", "Council", day).parent.mkdir(parents=True, exist_ok=True)
            content = httpx.get(f"{url}/{day}.pdf").content
            self.layout.pdf("minutes", "Council", day).write_bytes(content)


class Papers:
    @hookimpl
    def fetcher_class(self, label: str) -> Any:
        return Reads if label == "reads" else None


@pytest.fixture
def harness(clerk_harness: Harness, clerk_website: Website) -> Harness:
    clerk_harness.add_plugin(Papers)
    clerk_harness.add_site(SITE, scraper="reads", extra={"url": clerk_website.url})
    clerk_website.routes["/list"] = Reply(b"2026-03-04 2026-03-05", headers={"Set-Cookie": "id=s3cret"})
    for day in ("2026-03-04", "2026-03-05"):
        clerk_website.routes[f"/{day}.pdf"] = text_pdf("Minutes", *["a long story"] * 50)
    return clerk_harness


@pytest.fixture
def recording(harness: Harness, clerk_website: Website, tmp_path: Path) -> Path:
    with time_machine.travel(datetime(2026, 3, 10, tzinfo=UTC)):
        done = record_site(SITE, tmp_path / "recordings", since="2026-03-01")
    assert done["replies"] == len(clerk_website.requests) == 3
    assert not harness.storage.exists(), "the site stays as it is"
    clerk_website.routes.clear()
    clerk_website.requests.clear()
    return Path(done["path"])


def test_a_recording_answers_in_place_of_the_server(harness: Harness, recording: Path, clerk_website: Website) -> None:
    with replay(recording) as found:
        harness.add_site(found.subdomain, **found.site)
        job = run_job("fetch-site", SITE, start_date="2026-03-01")
        assert job.completed
    assert clerk_website.requests == []
    papers = sorted((harness.storage / SITE).glob("**/*.pdf"))
    assert [(paper.name, paper.read_bytes()[:5]) for paper in papers] == [
        ("2026-03-04.pdf", b"%PDF-"),
        ("2026-03-05.pdf", b"%PDF-"),
    ]


def test_no_secret_and_no_long_pdf_is_kept(recording: Path) -> None:
    kept = recording.read_text()
    assert "s3cret" not in kept
    assert "token=***" in kept
    assert len(kept) < 6000


@pytest.mark.usefixtures("harness")
def test_pdfs_are_kept_if_that_is_asked_for(tmp_path: Path) -> None:
    done = record_site(SITE, tmp_path, since="2026-03-01", bodies=True)
    with replay(tmp_path / f"{SITE}.yaml") as found:
        (name, *_) = [name for name in found.requests if name.endswith(".pdf")]
        assert httpx.get(name.split()[1]).content == text_pdf("Minutes", *["a long story"] * 50)
    assert done["bytes"] > 3000


def test_it_replays_without_a_network_or_a_database(recording: Path, harness: Harness) -> None:
    assert replay_site(recording)["replies"] == 3
    assert not harness.storage.exists()


def test_what_was_not_recorded_fails_the_test_even_if_the_fetcher_goes_on(recording: Path) -> None:
    def asks_for_more() -> None:
        with replay(recording) as found:
            url = found.requests[0].split()[1].partition("/list")[0]
            with suppress(Exception):
                httpx.get(f"{url}/other")

    with pytest.raises(AssertionError, match=r"no reply to GET http://127.0.0.1:\d+/other"):
        asks_for_more()


def test_a_reply_is_given_as_often_as_it_was_recorded(recording: Path) -> None:
    def twice(*, repeats: bool) -> None:
        with replay(recording, repeats=repeats) as found:
            for _ in range(2):
                httpx.get(found.requests[-1].split()[1])

    twice(repeats=True)
    with pytest.raises(AssertionError, match=r"no reply to GET .*/2026-03-05\.pdf"):
        twice(repeats=False)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sites record SUBDOMAIN"), replay(tmp_path / "none.yaml"):
        pass
