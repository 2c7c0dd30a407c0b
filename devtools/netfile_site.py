"""A NetFile of our own on localhost: three invented municipalities, their yearly files, and what goes wrong with them.

Run it with `python -m devtools.netfile_site --port-file FILE` from the repository's root; point
CLERK_FINANCE_BASE_URL at http://127.0.0.1:PORT.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from clerk_tasks.testing.website import in_thread
from devtools.netfile_books import Gift, Payment, Report, Year, workbook, zipped

_FIRST = ("Ada", "Ben", "Cleo", "Dara", "Emil", "Fay", "Gus", "Hana")
_LAST = ("Ashby", "Boone", "Castro", "Dinh", "Eklund", "Fujii", "Grant")
_PAYEES = ("Corner Print Shop", "Redwood Mailers", "Bay Sign Company")


@dataclass(frozen=True)
class Municipality:
    """An invented municipality: its site, its agency's shortcut, its years, and how many donors it has."""

    subdomain: str
    name: str
    shortcut: str
    years: tuple[int, ...]
    donors: int
    postcode: str
    html_year: int | None = None  # answers a web page with status 200

    @property
    def first_year(self) -> int:
        """Return the year to start from: before the first file where there is a year that answers a page."""
        return min(self.years[0], self.html_year or self.years[0])


MUNICIPALITIES = (
    Municipality("alderbay.ca", "Alder Bay", "XALD", (2022, 2023, 2024), 40, "94901"),
    Municipality("briarhill.ca", "Briar Hill", "XBRI", (2023, 2024), 25, "95602", html_year=2022),
    Municipality("cedarflat.ca", "Cedar Flat", "XCED", (2022, 2024), 12, "96003"),  # 2023 answers 404
)


@dataclass(frozen=True)
class Expected:
    """What a municipality's database should hold, counted from the reports as they were written."""

    rows: int  # of all workbooks
    gifts: int  # current monetary contributions
    money: float  # their sum
    totals: dict[tuple[str, int], tuple[float, float]]  # (committee, year): (line 5, line 11)
    top: tuple[str, float]  # the largest contributor


def gifts(place: Municipality, year: int, count: int, *, start: int = 0) -> list[Gift]:
    """Make contributions that depend on nothing but the arguments; amounts are 100 to 700 dollars."""
    return [
        Gift(
            _LAST[number % len(_LAST)],
            _FIRST[number % len(_FIRST)],
            place.name if number % 3 else "Sacramento",
            place.postcode if number % 3 else "95814",
            date(year, 1 + number % 6, 1 + number % 28),
            100.0 * (1 + number % 7),
        )
        for number in range(start, start + count)
    ]


def reports(place: Municipality, year: int) -> list[Report]:
    """Return a year's reports: one amended, two contained in a third, one by a committee without an id yet."""
    half, close = (date(year, 1, 1), date(year, 6, 30)), (date(year, 7, 1), date(year, 12, 31))
    mayor = (f"14{place.donors:02d}001", f"Castro for {place.name} Mayor 2024")
    parks = (f"14{place.donors:02d}002", f"{place.name} Neighbors for Measure P")
    union = Gift(f"{place.name} Firefighters Local 12", "", place.name, place.postcode, date(year, 3, 1), 5000.0, "COM")
    people = gifts(place, year, place.donors)
    spent = [Payment(_PAYEES[at % 3], date(year, 2 + at, 9), 125.5 * (at + 1)) for at in range(4)]
    early, late = gifts(place, year, 4, start=3), gifts(place, year, 3, start=11)
    return [
        Report(*mayor, "000", date(year, 7, 28), *half, [*people, union], spent, 75.0, counts=False),
        Report(*mayor, "001", date(year, 8, 15), *half, [*people[:-1], union], spent, 75.0),
        Report(*parks, "000", date(year, 10, 1), close[0], date(year, 9, 24), early, counts=False, kind="BMC"),
        Report(
            *parks, "000", date(year, 10, 25), date(year, 9, 25), date(year, 10, 19), late, counts=False, kind="BMC"
        ),
        Report(*parks, "000", date(year + 1, 1, 30), *close, [*early, *late], spent[:1], kind="BMC"),
        Report("Pending", f"Friends of the {place.name} Library", "000", date(year, 7, 30), *half, people[:2]),
    ]


def daily(place: Municipality, year: int) -> dict[str, list[dict[str, Any]]]:
    """Return rows of 24-hour reports: a 497 amended from 1,000 to 1,150 dollars, a 496 against a measure."""
    head = {"Filer_ID": f"14{place.donors:02d}009", "Filer_NamL": f"{place.name} Taxpayers", "Committee_Type": "RCP"}
    day = date(year, 10, 20)
    late = {**head, "From_Date": day, "Thru_Date": day, "Rpt_ID_Num": "229", "Ctrib_Date": day, "Tran_ID": "L1"}
    gift = {
        **late,
        "Rec_Type": "S497",
        "Form_Type": "F497P1",
        "Entity_Cd": "IND",
        "Enty_NamL": "Quill",
        "Enty_NamF": "Jo",
    }
    spending = {**head, "From_Date": day, "Thru_Date": day, "Rpt_Date": day, "Rpt_ID_Num": "IE-1", "Tran_ID": "S1"}
    mailer = {"Expn_Dscr": "Mailer", "Bal_Name": "Parks Tax", "Bal_Num": "P", "Sup_Opp_Cd": "O", "Report_Num": "000"}
    return {
        "497": [
            {**gift, "Report_Num": "000", "Rpt_Date": day, "Amount": 1000.0},
            {**gift, "Report_Num": "001", "Rpt_Date": date(year, 10, 22), "Amount": 1150.0},
        ],
        "496": [{**spending, **mailer, "Rec_Type": "S496", "Form_Type": "F496", "Exp_Date": day, "Amount": 2400.0}],
    }


def year_file(place: Municipality, year: int) -> bytes:
    """Return a year's ZIP file as NetFile would serve it."""
    content = workbook(Year(reports(place, year), daily(place, year)).rows())
    return zipped({f"efile_newest_{place.shortcut}_{year}.xlsx": content})


def expected(place: Municipality) -> Expected:
    """Return what should come out of all of a municipality's files."""
    written = [(year, report) for year in place.years for report in reports(place, year)]
    current = [(year, report) for year, report in written if report.counts]
    by_name: dict[str, float] = {}
    totals: dict[tuple[str, int], tuple[float, float]] = {}
    for year, report in current:
        key = (report.filer if report.filer.isdigit() else f"pending:{report.name.lower()}", year)
        before = totals.get(key, (0.0, 0.0))
        totals[key] = (before[0] + report.contributions, before[1] + report.spent)
        for gift in report.gifts:
            name = f"{gift.first} {gift.last}".strip()
            by_name[name] = by_name.get(name, 0.0) + gift.amount
    rows = sum(
        len(part) for year in place.years for part in Year(reports(place, year), daily(place, year)).rows().values()
    )
    given = [gift for _year, report in current for gift in report.gifts]
    top = max(by_name.items(), key=lambda pair: pair[1])
    return Expected(rows, len(given), sum(gift.amount for gift in given), totals, top)


@dataclass(frozen=True)
class Answer:
    """What the server says to a path."""

    body: bytes
    status: int = 200
    kind: str = "application/zip"


PAGE = Answer(b"<!DOCTYPE html><html><body>Public portal</body></html>", kind="text/html; charset=utf-8")


@dataclass
class NetFileSite:
    """The running server: what it answers may be changed, what it was asked may be read."""

    url: str
    answers: dict[str, Answer]
    requests: list[tuple[str, int]] = field(default_factory=list)  # path, status

    @staticmethod
    def path(shortcut: str, year: int) -> str:
        """Return where an agency's file of a year is."""
        return f"/{shortcut}Browsable/efile_newest_{shortcut}_{year}.zip"


@cache
def _answers() -> dict[str, Answer]:
    answers = {}
    for place in MUNICIPALITIES:
        for year in place.years:
            answers[NetFileSite.path(place.shortcut, year)] = Answer(year_file(place, year))
        if place.html_year:
            answers[NetFileSite.path(place.shortcut, place.html_year)] = PAGE
    return answers


class _Handler(http.server.BaseHTTPRequestHandler):
    site: NetFileSite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answer = self.site.answers.get(self.path, Answer(b"not found", 404, "text/plain"))
        etag = f'"{hashlib.md5(answer.body).hexdigest()}"'
        status = 304 if answer.status == 200 and self.headers.get("If-None-Match") == etag else answer.status
        self.site.requests.append((self.path, status))
        body = b"" if status == 304 else answer.body
        self.send_response(status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the requests are kept."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up once it has seen enough."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(port: int = 0) -> Iterator[NetFileSite]:
    """Serve the site on localhost for the length of a with block."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", port), handler)
    site = NetFileSite(f"http://127.0.0.1:{server.server_address[1]}", dict(_answers()))
    handler.site = site  # type: ignore[attr-defined]
    with in_thread(server):
        yield site


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until stopped; the port is in `--port-file` once the server answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    options = parser.parse_args(arguments)
    with serving(options.port) as site:
        unfinished = options.port_file.with_name(options.port_file.name + ".tmp")
        unfinished.write_text(site.url.rpartition(":")[2])
        unfinished.replace(options.port_file)
        threading.Event().wait()


if __name__ == "__main__":
    main()
