"""Documents that cannot be downloaded: listed, counted and in nobody's way, as those that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from clerk.fetching.visitor import VisitLimits, Visitor
from clerk.settings import settings
from devtools.city_site import CitySite, page, serving
from devtools.papers import paper
from tests.integration.pipeline.city import City, stages_of
from tests.integration.pipeline.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture
def site(city: City) -> Iterator[CitySite]:
    """Serve the city's papers: one that nobody has put there is an error of the server."""

    class Downloads(city.plugin.fetcher):  # type: ignore[misc,name-defined]
        def fetch_events(self) -> None:
            self.visitor = Visitor(allowed=[made.url], limits=VisitLimits(pause=0, attempts=1))
            for date in sorted(made.routes):
                self.fetch_and_write_pdf(f"{made.url}{date}", "minutes", "Council", date.strip("/"))

    city.plugin.fetcher = Downloads
    with serving() as made:
        yield made


def serve(site: CitySite, *dates: str) -> None:
    """Have papers served."""
    for date in dates:
        site.publish(f"/{date}", paper())


def break_down(site: CitySite, *dates: str) -> None:
    """Have the server fail for papers."""
    site.routes |= {f"/{date}": page("Oops", 500) for date in dates}


def result(city: City) -> Any:
    """Return what the last fetch left in its job's row."""
    return city.job(city.jobs(job_type="fetch-site")[0]["id"])["result"]


def test_a_paper_that_is_not_served_is_listed_once(city: City, site: CitySite) -> None:
    serve(site, "2024-01-02")
    break_down(site, "2024-01-03")
    run = city.day()
    assert (run["state"], stages_of(run)["ocr"]) == ("completed", ("closed", 3, 1))
    assert city.rows() == [("Council", "2024-01-02", 1)]
    (dead,) = city.jobs(state="discarded")
    why = "minutes Council 2024-01-03: it could not be downloaded (HTTP 500): fetch it again"
    assert (dead["attempt"], dead["error"]) == (1, why)
    assert city.row()["last_error_message"] == why
    assert result(city).items() >= {"fetched": 1, "failed": 1, "unavailable": 0}.items()
    assert result(city)["reasons"] == ["Council/2024-01-03 (minutes): HTTP 500"]
    note = json.loads((city.root / "failed/Council/2024-01-03.json").read_text())
    assert (note["reason"], note["url"], note["job_id"]) == ("HTTP 500", f"{site.url}/2024-01-03", dead["id"])

    serve(site, "2024-01-04")
    run = city.day()
    assert stages_of(run)["ocr"] == ("closed", 2, 0), "it is known, as a paper that cannot be read is"
    assert result(city)["failed"] == 1

    serve(site, "2024-01-03")
    city.day()
    assert [date for _, date, _ in city.rows()] == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert city.files("failed/*/*") == []


def test_a_fetch_that_was_all_in_vain_is_tried_again_and_is_no_update(city: City, site: CitySite) -> None:
    break_down(site, "2024-01-02", "2024-01-03")
    run = city.day()
    assert (run["state"], city.row()["last_updated"], city.hooks()) == ("failed", None, [])
    (dead,) = city.jobs(state="discarded")
    assert dead["attempt"] == 4
    assert "no document could be downloaded: Council/2024-01-02 (minutes): HTTP 500; Council/2024" in dead["error"]
    run = city.day()
    assert (run["state"], stages_of(run)["ocr"]) == ("completed", ("closed", 3, 2)), "known the next day, and listed"
    assert city.row()["last_updated"] is not None


def test_what_is_not_there_is_no_failure(city: City, site: CitySite) -> None:
    site.routes["/2024-01-02"] = page("<html>The file is being prepared.</html>")
    assert city.day()["state"] == "completed"
    assert (result(city)["unavailable"], result(city)["failed"], city.files("failed/*/*")) == (1, 0, [])


def test_papers_that_are_not_served_count_for_the_threshold(
    city: City, site: CitySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLERK_FAILED_DOCUMENTS", "0.4")
    settings.discard()
    serve(site, "2024-01-02")
    break_down(site, "2024-01-03")
    assert city.day()["state"] == "failed"
    serve(site, "2024-01-04")
    assert city.day()["state"] == "failed", "nobody has looked yet"
    serve(site, "2024-01-05", "2024-01-06")
    assert city.day()["state"] == "completed", "one of three, and so accepted"


def test_they_are_tried_again_by_fetching(city: City, site: CitySite, run: Run) -> None:
    serve(site, "2024-01-02")
    break_down(site, "2024-01-03")
    failed = city.day()
    serve(site, "2024-01-03")
    assert run("runs", "retry", failed["id"]).code == 0
    city.work()
    assert len(city.rows()) == 2


def test_why_tells_what_a_fetch_brought(city: City, site: CitySite, run: Run) -> None:
    serve(site, "2024-01-02")
    break_down(site, "2024-01-03")
    city.day()
    (fetched,) = city.jobs(job_type="fetch-site")
    assert '"failed": 1' in run("why", fetched["id"]).out
    assert "could not be downloaded (HTTP 500)" in run("why", fetched["subdomain"]).out
