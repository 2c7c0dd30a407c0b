"""The base class: folders, names, and the helpers that fetchers are written with."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

import clerk.fetcher
from clerk import Fetcher
from clerk.errors import UsageError
from clerk.fetching.layout import Layout, safe_name
from clerk.fetching.visitor import VisitLimits, Visitor

SITE = {"subdomain": "alderbay.ca", "start_year": 2015}
PDF = b"%PDF-1.7\nnot much\n"


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(SITE)


def test_the_folders_are_where_the_old_clerk_had_them(fetcher: Fetcher, tmp_path: Path) -> None:
    root = f"{tmp_path}/sites/alderbay.ca"
    assert fetcher.dir_prefix == root
    assert (fetcher.minutes_output_dir, fetcher.agendas_output_dir) == (f"{root}/pdfs", f"{root}/_agendas/pdfs")
    assert fetcher.minutes_processed_dir == f"{root}/processed"
    assert fetcher.agendas_processed_dir == f"{root}/_agendas/processed"
    assert Path(fetcher.docs_output_dir).is_dir()
    assert Path(fetcher.docs_html_dir) == Path(root, "_docs/html")
    assert not Path(root, "meetings.db").exists()  # a database is put in place by compilation alone


def test_storage_dir_is_read_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(clerk.fetcher.STORAGE_DIR) == tmp_path / "sites"
    monkeypatch.setitem(vars(clerk.fetcher), "STORAGE_DIR", f"{tmp_path}/elsewhere")
    fetcher = Fetcher(SITE)
    assert fetcher.storage_dir == f"{tmp_path}/elsewhere"
    assert fetcher.layout.root == tmp_path / "elsewhere" / "alderbay.ca"


def test_a_subdomain_that_leaves_the_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="bad subdomain"):
        Fetcher({**SITE, "subdomain": "../etc"})


def test_fetch_events_must_be_written() -> None:
    with pytest.raises(NotImplementedError, match=r"must implement fetch_events\(\)"):
        Fetcher(SITE).fetch_events()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("City Council", "CityCouncil"),
        ("Parks & Recreation", "ParksAndRecreation"),
        ("Council/Agency*", "CouncilAndAgency"),
        ("Special Concurrent Meeting of the City Council", "CityCouncil"),
        ("Meeting of the Board", "Board"),
    ],
)
def test_bodies_are_named_as_ever(fetcher: Fetcher, body: str, name: str) -> None:
    assert fetcher.simplified_meeting_name(body) == name


@pytest.mark.parametrize(
    "place", ["pdfs/Council/2024-01-02.pdf", "processed/Council/2024-01-02.pdf", "processed/Council/2024-01-02.txt"]
)
@pytest.mark.parametrize(("kind", "prefix"), [("minutes", ""), ("agenda", "_agendas/")])
def test_a_document_exists_if_it_waits_or_was_read(fetcher: Fetcher, place: str, kind: str, prefix: str) -> None:
    assert not fetcher.check_if_exists("Council", "2024-01-02", kind)
    path = Path(fetcher.dir_prefix, prefix + place)
    path.parent.mkdir(parents=True)
    path.touch()
    assert fetcher.check_if_exists("Council", "2024-01-02", kind)
    assert not fetcher.check_if_exists("Council", "2024-01-03", kind)
    assert not fetcher.check_if_exists("Council", "2024-01-02", {"minutes": "agenda", "agenda": "minutes"}[kind])


def test_a_kind_is_minutes_or_agenda_or_one_of_the_output_folders(fetcher: Fetcher) -> None:
    layout = fetcher.layout
    assert layout.pdf(fetcher.minutes_output_dir, "M", "D") == layout.pdf("minutes", "M", "D")
    assert layout.pdf(fetcher.agendas_output_dir, "M", "D") == layout.pdf("agenda", "M", "D")
    with pytest.raises(UsageError, match='"minutes" or "agenda"'):
        fetcher.fetch_and_write_pdf("https://city.example/x.pdf", "notes", "Council", "2024-01-02")


@given(st.text(), st.text())
def test_no_name_leaves_the_site_s_folder(meeting: str, date: str) -> None:
    layout = Layout(Path("/srv/sites/alderbay.ca"))
    try:
        path = layout.pdf("minutes", meeting, date)
    except UsageError:
        return
    assert path.parent.parent == layout.root / "pdfs"
    assert len(path.name.encode()) < 255


@pytest.mark.parametrize(
    ("text", "name"), [("1/2/2024", "1-2-2024"), ("../../etc", "-..-etc"), (" Council ", "Council")]
)
def test_names_become_one_part_of_a_path(text: str, name: str) -> None:
    assert safe_name(text) == name


@respx.mock
def test_a_pdf_is_downloaded_once_with_the_headers_asked_for(fetcher: Fetcher) -> None:
    route = respx.get("https://city.example/a.pdf").mock(return_value=httpx.Response(200, content=PDF))
    path = fetcher.fetch_and_write_pdf(
        "https://city.example/a.pdf", "agenda", "New Body", "2024-01-02", headers={"X-Who": "me"}
    )
    assert path == Path(fetcher.agendas_output_dir, "New Body", "2024-01-02.pdf")
    assert path.read_bytes() == PDF
    request = route.calls.last.request
    assert (request.headers["x-who"], request.content) == ("me", b"")
    fetcher.fetch_and_write_pdf("https://city.example/a.pdf", "agenda", "New Body", "2024-01-02")
    assert route.call_count == 1


@respx.mock
def test_a_document_may_be_read_from_the_next_call_on(fetcher: Fetcher) -> None:
    """A fetcher may still look at the file that it got, and remove it."""
    respx.get(url__startswith="https://city.example/").mock(return_value=httpx.Response(200, content=PDF))
    said: list[tuple[str, str, str]] = []
    fetcher.on_document = said.append
    fetcher.visitor = Visitor(limits=VisitLimits(pause=0))
    kinds = {"minutes": "minutes", "agenda": fetcher.agendas_output_dir}
    for number, (kind, named) in enumerate(kinds.items()):
        fetcher.fetch_and_write_pdf("https://city.example/a.pdf", named, "City/Council ", "2024-01-02.2")
        assert said == [("minutes", "City-Council", "2024-01-02.2")][:number], kind
    removed = fetcher.fetch_and_write_pdf("https://city.example/a.pdf", "minutes", "Council", "2024-01-03")
    assert removed is not None
    removed.unlink()
    fetcher.fetch_and_write_pdf("https://city.example/a.pdf", "minutes", "Council", "2024-01-04")
    assert said == [(kind, "City-Council", "2024-01-02.2") for kind in kinds]


@respx.mock
def test_what_is_no_pdf_leaves_a_line_in_the_log_and_no_file(
    fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    respx.get("https://city.example/a.pdf").mock(return_value=httpx.Response(200, html="<html>Sorry</html>"))
    assert fetcher.fetch_and_write_pdf("https://city.example/a.pdf", "minutes", "Council", "2024-01-02") is None
    assert "a web page instead of a PDF" in caplog.text
    assert [path for path in Path(fetcher.dir_prefix).rglob("*") if path.is_file()] == []


@respx.mock
def test_requests_follow_redirects_and_carry_what_they_are_given(fetcher: Fetcher) -> None:
    respx.get("https://city.example/old").mock(return_value=httpx.Response(302, headers={"Location": "/new"}))
    respx.get("https://city.example/new").mock(
        return_value=httpx.Response(200, text="hello", headers={"Set-Cookie": "a=1"})
    )
    route = respx.post("https://city.example/search").mock(return_value=httpx.Response(200, json={"Data": []}))
    response = fetcher.request("GET", "https://city.example/old")
    assert response is not None
    assert (response.text, str(response.url), response.cookies["a"]) == ("hello", "https://city.example/new", "1")
    fetcher.request("POST", "https://city.example/search", json={"q": 1}, cookies={"s": "2"}, headers={"Origin": "x"})
    sent = route.calls.last.request
    assert (json.loads(sent.content), sent.headers["cookie"], sent.headers["origin"]) == ({"q": 1}, "s=2", "x")
    assert sent.headers["user-agent"].startswith("clerk-tasks/")


@respx.mock
def test_an_error_s_answer_is_given_back_and_no_answer_is_none(
    fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    fetcher.visitor = Visitor(sleep=lambda seconds: None)
    respx.get("https://city.example/gone").mock(return_value=httpx.Response(404, text="gone"))
    nobody = respx.get("https://city.example/down").mock(side_effect=httpx.ConnectError("refused"))
    response = fetcher.request("GET", "https://city.example/gone")
    assert response is not None
    assert response.status_code == 404
    assert fetcher.request("GET", "https://city.example/down") is None
    assert nobody.call_count == 3
    assert "ConnectError: refused" in caplog.text


def test_each_fetcher_logs_in_its_own_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, second = Fetcher(SITE), Fetcher({**SITE, "subdomain": "briarhill.ca"})
    first.logger.log("hello", meeting="Council", date="2024-01-02", error="x", name="y")
    second.logger.log("there", level="nonsense")
    one, two = caplog.records
    assert (one.getMessage(), two.getMessage()) == ("hello", "there")
    assert (one.subdomain, two.subdomain) == ("alderbay.ca", "briarhill.ca")  # type: ignore[attr-defined]
    assert (one.meeting, one.meeting_date, one.error, one.field_name) == ("Council", "2024-01-02", "x", "y")  # type: ignore[attr-defined]
    assert two.levelname == "INFO"


def test_the_database_s_tables_are_made_on_request(fetcher: Fetcher) -> None:
    fetcher.assert_site_db_exists()
    fetcher.assert_site_db_exists()
    assert {table.name for table in fetcher.db.tables} == {"minutes", "agendas"}
    assert [column.name for column in fetcher.db["minutes"].columns] == [
        "id",
        "meeting",
        "date",
        "page",
        "text",
        "page_image",
    ]
