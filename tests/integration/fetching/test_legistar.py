"""Legistar's Web API, fetched day after day: everything once, and again what has changed."""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest

from clerk.fetching.report import FetchReport
from clerk.jobs import Discard, JobContext, Retry, running
from devtools.city_legistar import event, query
from devtools.city_papers import text_pdf
from devtools.city_site import CLIENT, Answer, CitySite, Request, as_json, fill, page
from devtools.processes import Programs, wait_for
from tests.integration.fetching.conftest import TODAY, Fetch, ago, publish, recorded, waiting

EVENTS = f"/v1/{CLIENT}/events"


def test_a_city_is_fetched_and_the_next_day_brings_nothing_twice(city: CitySite, fetch: Fetch, root: Path) -> None:
    fill(city, meetings=6)
    report = fetch(all_agendas=True)
    assert (len(report.fetched), len(report.unavailable), report.failed) == (9, 1, [])
    assert "a web page instead of a PDF" in report.unavailable[0]
    assert len(waiting(root)) == 9
    assert all(path.read_bytes().startswith(b"%PDF") for path in root.glob("**/pdfs/*/*.pdf"))
    again = fetch(all_agendas=True)
    assert (again.fetched, again.revised, again.unchanged) == ([], [], 9)
    assert city.paths("/files") == ["/files/3_M.pdf"]  # a new meeting's missing minutes are asked for again


def test_agendas_of_past_meetings_are_for_those_who_ask(city: CitySite, fetch: Fetch, root: Path) -> None:
    fill(city, meetings=3)
    assert len(fetch().fetched) == 3  # last week's minutes; the agendas of today and of next week
    assert fetch(all_agendas=True).fetched == [f"CityCouncil/{ago(7)} (agenda)"]


def test_more_than_a_page_of_events_arrives_whole(city: CitySite, fetch: Fetch) -> None:
    days = [ago(300 - number // 8) for number in range(2300)]
    city.events = [event(9000 - number, "Council", day) for number, day in enumerate(days)]
    city.events[1700] |= publish(city, 1, "Minutes", "found", when=ago(3))
    city.events[50] |= publish(city, 2, "Minutes", "found too", when=ago(3))
    assert len(fetch().fetched) == 2
    queries = [parse_qs(urlsplit(request.path).query) for request in city.requests if EVENTS in request.path]
    assert [asked["$skip"][0] for asked in queries[1:]] == ["0", "1000", "2000", "2300"]
    assert {asked["$orderby"][0] for asked in queries[1:]} == {"EventDate,EventId"}


def test_minutes_published_weeks_later_are_found_however_old_the_meeting(
    city: CitySite, fetch: Fetch, root: Path
) -> None:
    city.events = [event(1, "Council", ago(800)), event(2, "Council", ago(1500))]
    assert fetch().fetched == []
    city.events[0] |= publish(city, 1, "Minutes", "at last", when=ago(0))
    assert fetch().fetched == [f"Council/{ago(800)} (minutes)"]
    assert waiting(root) == [f"pdfs/Council/{ago(800)}.pdf"]


def test_a_revised_agenda_takes_the_old_one_s_place(city: CitySite, fetch: Fetch, root: Path) -> None:
    day = (TODAY + timedelta(days=5)).isoformat()
    city.events = [event(1, "Council", day, **publish(city, 1, "Agenda", "first", when=ago(9)))]
    fetch()
    pdf, marker = root / f"_agendas/pdfs/Council/{day}.pdf", root / f"_agendas/processed/Council/{day}.txt"
    pdf.unlink()  # it was read
    marker.parent.mkdir(parents=True)
    marker.touch()
    assert fetch().unchanged == 1
    city.events[0] |= publish(city, 1, "Agenda", "second", when=ago(0))
    assert fetch().revised == [f"Council/{day} (agenda)"]
    assert pdf.read_bytes() == text_pdf("second")
    assert not marker.exists()  # so that it is read again


def test_an_agenda_once_fetched_is_kept_up_to_date_after_its_meeting(city: CitySite, fetch: Fetch) -> None:
    city.events = [event(n, "Council", ago(n), **publish(city, n, "Agenda", f"{n}", when=ago(20))) for n in (7, 9)]
    assert len(fetch(all_agendas=True, start_date_str=ago(8)).fetched) == 1
    for row in city.events:
        row |= publish(city, row["EventId"], "Agenda", "as amended", when=ago(0))
    report = fetch()
    assert (report.fetched, report.revised) == ([], [f"Council/{ago(7)} (agenda)"])


def test_an_announcement_without_a_change_downloads_nothing(city: CitySite, fetch: Fetch, root: Path) -> None:
    city.events = [event(1, "Council", ago(9), **publish(city, 1, "Minutes", "same", when=ago(5)))]
    fetch()
    city.events[0] |= {"EventMinutesLastPublishedUTC": f"{ago(0)}T01:02:03"}
    report = fetch()
    assert (report.unchanged, report.revised) == (1, [])
    (request,) = [request for request in city.requests if request.path.startswith("/files")]
    assert request.status == 304
    fetch()
    assert city.paths("/files") == []  # the new time is remembered


def test_a_server_without_conditions_does_not_make_the_same_bytes_a_revision(
    city: CitySite, fetch: Fetch, root: Path
) -> None:
    city.events = [event(1, "Council", ago(9), **publish(city, 1, "Minutes", "same", when=ago(5)))]
    city.routes["/files/1_Minutes.pdf"] = Answer(text_pdf("same"), headers={"ETag": ""})
    fetch()
    (pdf,) = root.glob("pdfs/*/*.pdf")
    before = pdf.stat().st_ino
    city.events[0] |= {"EventMinutesLastPublishedUTC": f"{ago(0)}T01:02:03"}
    report = fetch()
    assert (report.unchanged, report.revised, pdf.stat().st_ino) == (1, [], before)


def test_two_meetings_of_a_body_on_one_day_are_both_kept(city: CitySite, fetch: Fetch, root: Path) -> None:
    second = event(22, "City Council", ago(9), **publish(city, 22, "Minutes", "special", when=ago(5)))
    city.events = [second]
    fetch()
    # The other one has a smaller number, and is published later: names stay as they are.
    city.events = [event(11, "City Council", ago(9), **publish(city, 11, "Minutes", "regular", when=ago(1))), second]
    fetch()
    folder = root / "pdfs/CityCouncil"
    assert (folder / f"{ago(9)}.pdf").read_bytes() == text_pdf("special")
    assert (folder / f"{ago(9)}.2.pdf").read_bytes() == text_pdf("regular")
    city.events[0] |= publish(city, 11, "Minutes", "regular, corrected", when=ago(0))
    assert fetch().revised == [f"CityCouncil/{ago(9)}.2 (minutes)"]


def test_documents_on_disk_are_not_fetched_again_when_the_memory_is_lost(
    city: CitySite, fetch: Fetch, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(city, meetings=3)
    fetch(all_agendas=True)
    (root / "fetch_state.json").write_text('{"format": 1, ')
    report = fetch(all_agendas=True)
    assert (report.fetched, report.unchanged, city.paths("/files")) == ([], 4, [])
    assert "is damaged" in caplog.text


def test_a_document_that_vanished_from_disk_is_fetched_again(city: CitySite, fetch: Fetch, root: Path) -> None:
    city.events = [event(1, "Council", ago(9), **publish(city, 1, "Minutes", "words", when=ago(5)))]
    fetch()
    (pdf,) = root.glob("pdfs/*/*.pdf")
    pdf.unlink()
    assert len(fetch().fetched) == 1
    assert pdf.exists()


def test_one_broken_document_does_not_stop_the_others_and_is_tried_the_next_day(city: CitySite, fetch: Fetch) -> None:
    city.events = [
        event(n, "Council", ago(700 + n), **publish(city, n, "Minutes", f"{n}", when=ago(600))) for n in range(1, 5)
    ]
    city.script["/files/2_Minutes.pdf"] = [page("Oops", 500)] * 3
    report = fetch()
    assert (len(report.fetched), report.failed) == (3, [f"Council/{ago(702)} (minutes): HTTP 500"])
    assert len(fetch().fetched) == 1


def test_failures_here_and_there_do_not_mean_that_the_server_is_down(city: CitySite, fetch: Fetch) -> None:
    city.events = [
        event(n, "Council", ago(30 - n), **publish(city, n, "Minutes", f"{n}", when=ago(2))) for n in range(14)
    ]
    for n in range(0, 14, 2):
        city.script[f"/files/{n}_Minutes.pdf"] = [page("Oops", 500)] * 3
    report = fetch()
    assert (len(report.fetched), len(report.failed)) == (7, 7)


def test_a_server_that_is_down_ends_the_attempt_and_keeps_what_was_had(
    city: CitySite, fetch: Fetch, root: Path
) -> None:
    city.events = [
        event(n, "Council", ago(20 - n), **publish(city, n, "Minutes", f"{n}", when=ago(2))) for n in range(12)
    ]
    for n in range(3, 12):
        city.script[f"/files/{n}_Minutes.pdf"] = [page("Oops", 503)] * 3
    with pytest.raises(Retry, match="HTTP 503"):
        fetch()
    assert len(waiting(root)) == 3
    assert len(set(city.paths("/files"))) == 8  # five in a row are enough
    city.script.clear()
    assert len(fetch().fetched) == 9


def in_run(run_id: str, fetch: Fetch) -> FetchReport:
    """Fetch as a job of a run."""
    context = JobContext()
    context.run_id = run_id
    with running(context):
        return fetch()


def test_a_document_that_fails_every_day_does_not_have_everything_listed_every_day(
    city: CitySite, fetch: Fetch
) -> None:
    """It is asked for again by itself, though no list of the last year has it."""
    city.events = [event(1, "Council", ago(900), **publish(city, 1, "Minutes", "words", when=ago(800)))]
    broken = "/files/1_Minutes.pdf"
    city.script[broken] = [page("Oops", 500)] * 6
    for _ in range(2):
        assert len(fetch().failed) == 1
    listed = [unquote_plus(request.path) for request in city.requests if EVENTS in request.path]
    assert all(" or EventMinutes" in path for path in listed if f"datetime'{TODAY.year - 10}-01-01'" in path), listed
    assert fetch().fetched == [f"Council/{ago(900)} (minutes)"]
    assert (fetch().fetched, city.paths("/files")) == ([], [])


def test_documents_that_fail_every_day_are_in_nobodys_way(city: CitySite, fetch: Fetch) -> None:
    """Five in a row mean that the server is down, but not if it is the same five as yesterday."""
    city.events = [
        event(n, "Council", ago(30 - n), **publish(city, n, "Minutes", f"{n}", when=ago(2))) for n in range(8)
    ]
    for n in range(6):
        city.routes[f"/files/{n}_Minutes.pdf"] = page("Oops", 500)
    with pytest.raises(Retry, match="HTTP 500"):
        in_run("first", fetch)
    report = in_run("second", fetch)
    assert (len(report.fetched), len(report.failed), report.all_failed) == (2, 6, False)
    quiet = in_run("third", fetch)
    assert (quiet.asked, quiet.known, quiet.all_failed) == (5, 5, True), "an operator should look"


def test_asked_to_come_back_much_later_it_does(city: CitySite, fetch: Fetch) -> None:
    city.events = [event(1, "Council", ago(9), **publish(city, 1, "Minutes", "words", when=ago(5)))]
    city.script["/files/1_Minutes.pdf"] = [Answer(b"", 429, headers={"Retry-After": "1800"})]
    with pytest.raises(Retry) as caught:
        fetch()
    assert caught.value.after == 1800
    assert city.paths("/files") == ["/files/1_Minutes.pdf"]


PROGRAM = """
import sys
from clerk.fetcher import get_fetcher
site = {"subdomain": "millbrook.ca", "scraper": "legistar", "start_year": 2000, "extra": sys.argv[1]}
get_fetcher(site).fetch_events()
"""


@pytest.mark.slow
def test_a_fetch_killed_in_the_middle_goes_on_where_it_was(
    city: CitySite, fetch: Fetch, root: Path, programs: Programs
) -> None:
    city.events = [
        event(n, "Council", ago(30 - n), **publish(city, n, "Minutes", f"{n}", when=ago(2))) for n in range(8)
    ]
    reached, released = threading.Event(), threading.Event()

    def hang(_: Request) -> Answer:
        reached.set()
        released.wait(30)
        return Answer(text_pdf("5"))

    city.routes["/files/5_Minutes.pdf"] = hang
    program = programs.run(sys.executable, "-c", PROGRAM, json.dumps(city.extra))
    wait_for(reached.is_set, "the sixth document is asked for", logs=lambda: program.log)
    program.signal(signal.SIGKILL)
    program.wait()
    released.set()
    report = fetch()
    assert (len(report.fetched), report.unchanged) == (3, 5)
    assert set(city.paths("/files")) == {f"/files/{n}_Minutes.pdf" for n in (5, 6, 7)}
    assert len(waiting(root)) == 8
    assert {path.read_bytes() for path in root.glob("pdfs/*/*.pdf")} == {text_pdf(f"{n}") for n in range(8)}


def test_a_narrow_request_does_not_count_as_having_seen_the_rest(city: CitySite, fetch: Fetch) -> None:
    city.events = [
        event(n, "Council", ago(days), **publish(city, n, "Minutes", f"{n}", when=ago(days - 9)))
        for n, days in enumerate((900, 700, 20))
    ]
    assert len(fetch(start_date_str=ago(800), end_date_str=ago(600)).fetched) == 1
    assert len(fetch(start_date_str=ago(30)).fetched) == 1
    assert fetch().fetched == [f"Council/{ago(900)} (minutes)"]


def test_a_recorded_reply_is_understood(city: CitySite, fetch: Fetch) -> None:
    rows = json.loads(recorded("legistar/api_events_olympia.json"))
    for row in rows:
        path = urlsplit(row["EventAgendaFile"]).path
        row["EventAgendaFile"] = city.publish(path, text_pdf(row["EventBodyName"]))
    city.events = rows
    report = fetch(start_date_str="2026-08-01", end_date_str="2026-09-01", all_agendas=True)
    assert sorted(report.fetched) == [
        "DesignReviewBoard/2026-08-20 (agenda)",
        "LodgingTaxAdvisoryCommittee/2026-08-21 (agenda)",
        "SitePlanReviewCommittee/2026-08-26 (agenda)",
    ]


def test_a_token_goes_along_and_into_no_log(city: CitySite, fetch: Fetch, caplog: pytest.LogCaptureFixture) -> None:
    def guarded(request: Request) -> Answer:
        asked = parse_qs(urlsplit(request.path).query)
        return as_json(query([], urlsplit(request.path).query)) if asked.get("token") == ["hush"] else Answer(b"", 403)

    city.routes["/v1/private/events"] = guarded
    extra = {**city.extra, "api_url": f"{city.url}/v1/private", "mode": "api"}
    assert fetch(extra={**extra, "token": "hush"}).fetched == []
    with pytest.raises(Discard, match="want a token"):
        fetch(extra=extra)
    assert "hush" not in caplog.text
