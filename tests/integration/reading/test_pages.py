"""The pages of meetings: what a city wrote is shown, and never run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from devtools.cities import City
from devtools.readers import Reader
from plugins.local_publish.static import store
from tests.integration.reading.conftest import Write

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
#: A body whose name is an attack, as far as a folder can be called so.
BODY = '"><svg onload=alert(3)>'
ATOM = "{http://www.w3.org/2005/Atom}"

Open = Callable[[], Reader]


@pytest.fixture
def evil(write: Write, reader: Open) -> Reader:
    """Open the pages of a city that writes attacks."""
    texts = {f"txt/{BODY}/2026-01-02/{n}": f"Budget {n}. {EVIL}\N{BELL}\x0b" for n in (1, 2)}
    write(texts, name=EVIL)
    return reader()


def place(*rest: object) -> str:
    return "/".join(["/city/oakland.ca/minutes", quote(BODY, safe=""), "2026-01-02", *map(str, rest)])


def test_what_a_city_writes_is_never_run(evil: Reader) -> None:
    paths = ["/", "/city/oakland.ca", "/search?q=budget", "/freshness", place(1), place(2) + f"?q={quote(EVIL)}"]
    paths += [f"/search?q={quote(EVIL)}", "/oakland-ca-meetings", "/oakland-ca-meetings/minutes"]
    for path in paths:
        answer = evil.get(path)
        assert answer.status_code == 200, path
        assert not re.search(r"<script>alert|<img src=x|<svg onload", answer.text), path
        policy = answer.headers["content-security-policy"]
        assert "object-src 'none'" in policy or "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "oakland-ca-meetings" not in path:
            assert "unsafe-inline" not in policy


def test_a_search_leads_to_the_page_with_the_words_marked(write: Write, reader: Open) -> None:
    write({"txt/PlanningCommission/2026-01-02/1": "Nothing.", "txt/PlanningCommission/2026-01-02/2": "Two bridges."})
    datasette = reader()
    found = datasette.page("/search?q=bridge")
    assert "Two <mark>bridges</mark>." in found
    (link,) = re.findall(r'href="(/city/[^"]*/2\?q=bridge)"', found)
    page = datasette.page(link)
    assert "Planning Commission, 2026-01-02" in page
    assert "Two <mark>bridges</mark>." in page
    assert 'rel="prev" href="/city/oakland.ca/minutes/PlanningCommission/2026-01-02/1?q=bridge"' in page
    assert 'rel="next"' not in page
    assert "Oakland, CA, Planning Commission, 2026-01-02: Minutes, page 2." in page
    first = datasette.page("/city/oakland.ca/minutes/PlanningCommission/2026-01-02")
    assert ("Nothing." in first, "2 pages" in first) == (True, True)


def test_any_words_may_be_searched_for(evil: Reader) -> None:
    for words in ('"', "a OR", "NEAR(", "*", "text:x", "-", "\0", "x" * 5000, "'", "%00 budget"):
        assert evil.get(f"/search?q={quote(words)}&page=7&kind=x&order=y&city=%00").status_code == 200, words
        assert evil.get(f"/search.atom?q={quote(words)}").status_code in (200, 404), words


def test_a_search_can_be_narrowed(write: Write, reader: Open) -> None:
    write({"txt/Council/2026-01-02/1": "A budget.", "_agendas/txt/Council/2026-03-04/1": "A budget of agendas."})
    write({"txt/Board/2026-02-02/1": "A budget of schools."}, subdomain="albany.ca", name="Albany")
    datasette = reader()

    def days(query: str) -> list[str]:
        return re.findall(r"(2026-\d\d-\d\d), \w+, page 1", datasette.page(f"/search?q=budget&{query}"))

    assert days("order=newest") == ["2026-03-04", "2026-02-02", "2026-01-02"]
    assert days("city=albany.ca") == ["2026-02-02"]
    assert days("city=oakland.ca&kind=agenda") == ["2026-03-04"]


def test_feeds_hold_new_documents_of_a_city_and_of_a_search(evil: Reader) -> None:
    for path in ("/city/oakland.ca/feed.atom", "/search.atom?q=budget", "/search.atom?q=budget&city=oakland.ca"):
        answer = evil.get(path)
        assert answer.headers["content-type"].startswith("application/atom+xml")
        feed = ET.fromstring(answer.text)
        (entry,) = feed.iter(f"{ATOM}entry")
        assert "2026-01-02" in (entry.findtext(f"{ATOM}title") or "")
        assert (entry.findtext(f"{ATOM}summary") or "").startswith(f"Budget 1. {EVIL}")
        (link,) = entry.iter(f"{ATOM}link")
        assert evil.get(link.attrib["href"].removeprefix("http://localhost")).status_code == 200
        assert evil.get(path, **{"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert list(ET.fromstring(evil.page("/search.atom?q=elephants")).iter(f"{ATOM}entry")) == []


def keep(tmp_path: Path, path: str, content: bytes) -> None:
    """Store a file as the pipeline does."""
    (tmp_path / "file").write_bytes(content)
    store(tmp_path / "file", path)


def test_pictures_and_documents_are_served_and_nothing_beside_them(
    write: Write, reader: Open, city: City, tmp_path: Path
) -> None:
    keep(tmp_path, "/oakland.ca/Council/2026-01-02/1.png", b"picture")
    keep(tmp_path, "oakland.ca/_pdfs/Council/2026-01-02.pdf", b"%PDF")
    keep(tmp_path, "oakland.ca/_pdfs/Council/2026-01-02.html", b"<script>")
    write({"txt/Council/2026-01-02/1": "A budget."})
    datasette = reader()
    page = datasette.page("/city/oakland.ca/minutes/Council/2026-01-02/1")
    picture, paper = "/static/oakland.ca/Council/2026-01-02/1.png", "/static/oakland.ca/_pdfs/Council/2026-01-02.pdf"
    assert (f'<img src="{picture}"' in page, f'href="{paper}"' in page) == (True, True)
    assert datasette.get(picture).headers["content-type"] == "image/png"
    assert datasette.get(paper).content == b"%PDF"
    other = datasette.get(paper.replace(".pdf", ".html"))
    assert (other.headers["content-type"], "attachment" in other.headers["content-disposition"]) == (
        "application/octet-stream",
        True,
    )
    for path in ("%2e%2e/sites.db", "oakland.ca%2F..%2F..%2Fsites.db", ".fetching", "oakland.ca", "%2Fetc/passwd"):
        # Datasette 0.65 answers a missing address that has a % with a redirect to one that has none.
        assert datasette.get(f"/static/{path}").status_code in (302, 404), path
    (city.published.parent / "static" / "link.png").symlink_to(city.live)
    assert datasette.get("/static/link.png").status_code == 404


def test_what_is_not_there_is_not_found(write: Write, reader: Open) -> None:
    write({"txt/Council/2026-01-02/1": "A budget."})
    datasette = reader()
    for path in (
        "/city/nowhere.ca",
        "/city/nowhere.ca/feed.atom",
        "/city/oakland.ca/minutes/Council/2026-01-02/9",
        "/city/oakland.ca/agenda/Council/2026-01-02",
        "/city/oakland.ca/filing/1",
        "/city/oakland.ca/committee/1",
        "/-/reading/web.py",
    ):
        assert datasette.get(path).status_code == 404, path
