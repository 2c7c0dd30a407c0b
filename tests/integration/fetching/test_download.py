"""Visits to a server that is slow, busy, broken, or not what it says it is."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from clerk.fetching.response_body import suffix_of
from clerk.fetching.visitor import NotServed, Trouble, Validators, VisitLimits, Visitor
from devtools.city_site import Answer, CitySite, page, serving

PDF = b"%PDF-1.4\n" + b"x" * 5000
FAST = VisitLimits(pause=0, patience=0)


@pytest.fixture
def waits() -> list[float]:
    """Hold how long was waited, in seconds, without waiting."""
    return []


@pytest.fixture
def visitor(city: CitySite, waits: list[float]) -> Visitor:
    return Visitor(allowed=[city.url], limits=FAST, sleep=waits.append)


def test_too_many_requests_waits_as_long_as_it_is_told(
    city: CitySite, visitor: Visitor, waits: list[float], tmp_path: Path
) -> None:
    url = city.publish("/a.pdf", PDF)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    city.script["/a.pdf"] = [Answer(status=429, headers={"Retry-After": after}) for after in ("7", soon)]
    visitor.download(url, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == PDF
    assert waits[0] == 7
    assert 25 < waits[1] <= 30


def test_asked_to_wait_too_long_it_gives_up_at_once(city: CitySite, visitor: Visitor, waits: list[float]) -> None:
    city.script["/x"] = [Answer(status=503, headers={"Retry-After": "600"})]
    with pytest.raises(Trouble) as caught:
        visitor.request("GET", f"{city.url}/x")
    assert (caught.value.after, waits, len(city.requests)) == (600, [], 1)


def test_a_request_that_failed_is_named_and_the_caller_is_the_frame_before_it(city: CitySite, visitor: Visitor) -> None:
    with pytest.raises(NotServed, match=rf"^HTTP 404: .*: GET {city.url}/x$") as caught:
        visitor.request("GET", f"{city.url}/x")
    assert [entry.name for entry in caught.traceback][1:] == ["request"]
    assert caught.value.response is not None


@pytest.mark.parametrize(
    ("asked", "after"),
    [
        ("9" * 400, 86400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("-5", None),
    ],
    ids=["number", "date", "no date", "negative"],
)
def test_nobody_is_waited_for_longer_than_a_day(
    city: CitySite, visitor: Visitor, asked: str, after: float | None
) -> None:
    city.script["/x"] = [Answer(status=503, headers={"Retry-After": asked})] * 3
    with pytest.raises(Trouble) as caught:
        visitor.request("GET", f"{city.url}/x")
    assert caught.value.after == after


def test_an_error_of_the_server_may_pass(city: CitySite, visitor: Visitor, tmp_path: Path) -> None:
    url = city.publish("/a.pdf", PDF)
    city.script["/a.pdf"] = [page("Oops", 500), page("Busy", 502)]
    assert visitor.download(url, tmp_path / "a.pdf") is not None
    assert [request.status for request in city.requests] == [500, 502, 200]


def test_an_error_that_stays_ends_after_three_attempts(city: CitySite, visitor: Visitor, tmp_path: Path) -> None:
    city.script["/a.pdf"] = [page("Oops", 500)] * 9
    with pytest.raises(Trouble, match="HTTP 500"):
        visitor.download(f"{city.url}/a.pdf", tmp_path / "a.pdf")
    assert len(city.requests) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_a_refusal_is_final(city: CitySite, visitor: Visitor, status: int, tmp_path: Path) -> None:
    city.routes["/a.pdf"] = page("No", status)
    with pytest.raises(NotServed, match=f"HTTP {status}"):
        visitor.download(f"{city.url}/a.pdf", tmp_path / "a.pdf")
    assert len(city.requests) == 1


def test_an_unchanged_file_is_not_sent_again(city: CitySite, visitor: Visitor, tmp_path: Path) -> None:
    url = city.publish("/a.pdf", PDF)
    stamp = visitor.download(url, tmp_path / "a.pdf")
    assert stamp is not None
    assert stamp.etag
    assert visitor.download(url, tmp_path / "b.pdf", known=stamp) is None
    assert not (tmp_path / "b.pdf").exists()
    assert city.requests[-1].status == 304
    city.publish("/a.pdf", PDF + b"more")
    assert visitor.download(url, tmp_path / "b.pdf", known=stamp) not in (None, stamp)


def test_a_304_that_nobody_asked_for_is_no_file(city: CitySite, visitor: Visitor, tmp_path: Path) -> None:
    city.routes["/a.pdf"] = Answer(status=304)
    with pytest.raises(NotServed, match="HTTP 304"):
        visitor.download(f"{city.url}/a.pdf", tmp_path / "a.pdf")


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (page("\ufeff  <!DOCTYPE html><html>Sorry</html>"), "a web page"),
        (Answer(b"<html>Sorry</html>", kind="application/pdf"), "a web page"),
        (Answer(b"\x7fELF"), "another kind of file"),
        (Answer(b""), "nothing"),
    ],
)
def test_what_is_no_document_is_not_taken_for_one(
    city: CitySite, visitor: Visitor, answer: Answer, what: str, tmp_path: Path
) -> None:
    city.routes["/a.pdf"] = answer
    with pytest.raises(NotServed, match=f"sent {what} instead of a PDF"):
        visitor.download(f"{city.url}/a.pdf", tmp_path / "a.pdf")


@pytest.mark.parametrize(
    ("address", "content", "suffix"),
    [
        ("/View?ID=7", b"PK\x03\x04 a document", ".docx"),
        ("/budget.xlsx", b"PK\x03\x04 a workbook", ".xlsx"),
        ("/minutes.doc", b"{\\rtf1 minutes}", ".doc"),
        ("/View.ashx", b"{\\rtf1 minutes}", ".rtf"),
        ("/minutes.html?x=1", b"<html>Minutes</html>", ".html"),
        ("/minutes.TXT", b"Minutes", ".txt"),
        ("/minutes.docx", b"%PDF-1.7", ".pdf"),
    ],
)
def test_documents_of_other_formats_are_downloaded(
    city: CitySite, visitor: Visitor, address: str, content: bytes, suffix: str, tmp_path: Path
) -> None:
    city.routes[address.partition("?")[0]] = Answer(content)
    visitor.download(f"{city.url}{address}", tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == content
    assert suffix_of(tmp_path / "a.part", f"{city.url}{address}") == suffix


def test_a_pdf_is_one_whatever_its_type_and_what_stands_before_it(
    city: CitySite, visitor: Visitor, tmp_path: Path
) -> None:
    city.routes["/a.pdf"] = Answer(b"\r\n" * 20 + PDF, kind="text/html")
    visitor.download(f"{city.url}/a.pdf", tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().endswith(PDF)


def test_a_body_over_the_limit_is_cut_off(city: CitySite, tmp_path: Path) -> None:
    url = city.publish("/a.pdf", PDF * 100)
    with pytest.raises(NotServed, match="50,000 bytes"):
        Visitor(allowed=[url], limits=VisitLimits(size=50_000, pause=0)).download(url, tmp_path / "a.pdf")


def test_a_body_that_takes_too_long_is_given_up(city: CitySite, tmp_path: Path) -> None:
    url = city.publish("/a.pdf", PDF)
    with pytest.raises(Trouble, match="not finished"):
        Visitor(allowed=[url], limits=VisitLimits(total_time=0, attempts=1)).download(url, tmp_path / "a.pdf")


def test_two_requests_to_a_host_are_apart(city: CitySite, waits: list[float]) -> None:
    visitor = Visitor(allowed=[city.url], limits=VisitLimits(pause=5), sleep=waits.append)
    city.routes["/x"] = page("hello")
    for _ in range(2):
        visitor.request("GET", f"{city.url}/x")
    (wait,) = waits
    assert 4 < wait <= 5


def test_robots_are_obeyed_with_their_delay(city: CitySite, waits: list[float]) -> None:
    rules = "User-agent: *\nDisallow: /\n\nUser-agent: clerk-tasks\nDisallow: /private\nCrawl-delay: 3\n"
    city.routes |= {"/robots.txt": page(rules), "/x": page("hello"), "/private/x": page("secret")}
    visitor = Visitor(allowed=[city.url], limits=FAST, robots=True, sleep=waits.append)
    assert visitor.request("GET", f"{city.url}/x").text == "hello"
    with pytest.raises(NotServed, match="ignore_robots"):
        visitor.request("GET", f"{city.url}/private/x")
    assert city.paths() == ["/robots.txt", "/x"]
    assert 2 < waits[0] <= 3
    assert Visitor(allowed=[city.url], limits=FAST).request("GET", f"{city.url}/private/x").text == "secret"


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_robots_may_begin_with_a_byte_order_mark(city: CitySite, mark: str) -> None:
    city.routes |= {"/robots.txt": page(f"{mark}User-agent: *\r\nDisallow: /\r\n"), "/x": page("hello")}
    with pytest.raises(NotServed, match="forbids this address"):
        Visitor(allowed=[city.url], limits=FAST, robots=True).request("GET", f"{city.url}/x")


@pytest.mark.parametrize(
    ("kind", "declared", "encoded"),
    [
        ("text/html", '<meta charset="windows-1252">', "cp1252"),
        ("text/html", "<META http-equiv=Content-Type content='text/html; charset=iso-8859-1'>", "cp1252"),
        ("text/html", '<meta charset="utf-16">', "utf-8"),
        ("text/html", '<meta charset="hex">', "utf-8"),
        ("text/html", "", "utf-8"),
        ("text/html; charset=windows-1252", '<meta charset="utf-8">', "cp1252"),
    ],
)
def test_the_charset_of_a_page_may_be_declared_in_it(
    city: CitySite, visitor: Visitor, kind: str, declared: str, encoded: str
) -> None:
    text = f"<html><head>{declared}</head>Comit\u00e9 \u2019</html>"
    city.routes["/x"] = Answer(text.encode(encoded), kind=kind)
    assert visitor.request("GET", f"{city.url}/x").text == text


def test_robots_that_cannot_be_read_keep_out_for_now(city: CitySite) -> None:
    city.routes |= {"/robots.txt": page("Oops", 500), "/x": page("hello")}
    visitor = Visitor(allowed=[city.url], limits=FAST, robots=True)
    with pytest.raises(Trouble):
        visitor.request("GET", f"{city.url}/x")
    city.routes["/robots.txt"] = page("none here", 404)
    assert visitor.request("GET", f"{city.url}/x").text == "hello"


@pytest.mark.parametrize(
    "url", ["ftp://city.example/a.pdf", "http://[bad", "file:///etc/passwd", "http://a.test/\ud83c"], ids=ascii
)
def test_an_address_that_is_none_is_final(visitor: Visitor, url: str, tmp_path: Path) -> None:
    with pytest.raises(NotServed):
        visitor.download(url, tmp_path / "a.pdf", known=Validators("x"))


def test_redirects_in_a_circle_end(city: CitySite, visitor: Visitor) -> None:
    city.routes["/x"] = Answer(status=302, headers={"Location": "/x"})
    with pytest.raises(NotServed, match="redirects"):
        visitor.request("GET", f"{city.url}/x")


def test_a_redirect_to_another_host_asks_that_host_for_leave(
    city: CitySite, waits: list[float], tmp_path: Path
) -> None:
    with serving() as other:
        other.routes["/robots.txt"] = page("User-agent: *\nDisallow: /private\nCrawl-delay: 3\n")
        for path in ("/private/a.pdf", "/a.pdf"):
            other.publish(path, PDF)
            city.routes[path] = Answer(status=302, headers={"Location": f"{other.url}{path}"})
        visitor = Visitor(allowed=[city.url, other.url], limits=FAST, robots=True, sleep=waits.append)
        with pytest.raises(NotServed, match=f"robots.txt of {other.url[7:]} forbids this address"):
            visitor.download(f"{city.url}/private/a.pdf", tmp_path / "a.pdf")
        visitor.download(f"{city.url}/a.pdf", tmp_path / "a.pdf")
        assert other.paths() == ["/robots.txt", "/a.pdf"]
    assert (tmp_path / "a.pdf").read_bytes() == PDF
    assert any(2 < wait <= 3 for wait in waits), "the other's delay is kept"


def test_a_redirected_form_arrives_with_its_fields_and_cookies(city: CitySite, visitor: Visitor) -> None:
    city.routes["/old"] = Answer(status=307, headers={"Location": "/new", "Set-Cookie": "a=1"})
    city.routes["/new"] = lambda request: page(f"{request.method} {request.body.decode()} {request.headers['Cookie']}")
    response = visitor.request("POST", f"{city.url}/old", data={"year": "2024"})
    assert (response.text, str(response.url)) == ("POST year=2024 a=1", f"{city.url}/new")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_city(authority: trustme.CA) -> Iterator[CitySite]:
    """Serve a city over TLS with a certificate of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(tls=context) as site:
        yield site


def test_tls_is_verified(
    secure_city: CitySite, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = secure_city.publish("/a.pdf", PDF)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    with pytest.raises(NotServed, match="certificate"):
        Visitor(allowed=[url], limits=FAST).download(url, tmp_path / "a.pdf")
    assert secure_city.requests == []


def test_an_authority_that_the_operator_trusts_will_do(
    secure_city: CitySite, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    url = secure_city.publish("/a.pdf", PDF)
    assert Visitor(allowed=[url], limits=FAST).download(url, tmp_path / "a.pdf") is not None
