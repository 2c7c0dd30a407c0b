"""The API behind NetFile's public pages (`netfile.com/public/{AID}/campaign`): its search, and its list of filings.

Traps: the wrong agency is answered by an empty list; `totalCount` may be 0 above a list of filings; the order of rows
changes between two pages, so that one page of all rows is asked for; superseded versions are among the rows; names of
active filers begin with `*`; rows have no id of the filer, so that a filer is known by the name; a report may be there
twice. Exports ask for a check against programs: they are for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clerk.fetching.http_errors import NotServed, Trouble
from clerk.fetching.visitor import Visitor
from plugins.election_finance.sources.search_rows import FilingFacts, Found, Page, day, walk, words

#: The server accepts pages of this size.
_PAGE_SIZE = 10_000
_FILINGS_PAGE = 100

_SCHEDULE = re.compile(r"(?:F?460)?\s*(A|B1|B2|C|D|E|F|G|H|I)$|(F?461P5|F?465P3|F?496P3|F?497P1|F?497P2|[FS]?496)$")
_PLACE = re.compile(r"(?P<city>.*?)(?:, *(?P<state>[A-Za-z]{2}))?(?:, *(?P<zip>[0-9-]+))?$")


class Portal:
    """Asks NetFile's public pages about one agency."""

    #: The list of filings has the facts of nearly all, so that few are asked for one by one.
    most_facts = 1500

    def __init__(self, visitor: Visitor, base: str, shortcut: str, first_year: int) -> None:
        self._visitor, self._base, self._shortcut, self._first_year = visitor, base.rstrip("/"), shortcut, first_year
        self._filings: dict[str, Mapping[str, Any]] | None = None

    def newest(self) -> str:
        """Return what stands for the list of filings: as long as it stays, nothing has changed."""
        filings = self._listed()
        return f"{len(filings)}:{max(filings, key=int, default='')}"

    def rows(self) -> dict[str, Found]:
        """Return all transactions, by id; NotServed if there is not one."""
        found = {row_id: _row(row) for row_id, row in walk(self._page, first=1).items()}
        if not found:
            raise NotServed(f"no transactions of {self._shortcut}: the agency may be another, or have none here")
        return found

    def facts(self, filing: str, row: Found) -> FilingFacts | None:  # row: part of what a search answers
        """Return the facts of a filing; None where the server does not know it."""
        info = self._listed().get(filing)
        if info is None:
            try:
                info = self._get(f"/Filings/byId/{filing}", {"agencyCode": self._shortcut})
            except NotServed:
                return None
        if not info.get("formName"):
            return None
        dates = (day(info.get("filingDate")), day(info.get("periodStart")), day(info.get("periodEnd")))
        return FilingFacts(words(info.get("sequenceNumber")), "", *dates, words(info.get("reportNumber")))

    def _listed(self) -> dict[str, Mapping[str, Any]]:
        if self._filings is None:
            self._filings = walk(self._filings_page, first=1)
        return self._filings

    def _filings_page(self, number: int) -> Page:
        until = datetime.now(UTC).date() + timedelta(days=1)
        query = {
            "agencyCode": self._shortcut,
            "startDate": f"{self._first_year}-01-01",
            "endDate": until.isoformat(),
            "page": number,
            "pageSize": _FILINGS_PAGE,
        }
        answer = self._get("/filings/byDate", query)
        return answer.get("filings") or [], int(answer.get("totalCount") or 0)

    def _page(self, number: int) -> Page:
        paging = {"pageSize": _PAGE_SIZE, "currentPage": number}
        query = {"aid": self._shortcut, "query": "", **paging, "isArchived": "false"}
        answer = self._get("/SearchCampaignTransactions", query)
        return answer.get("items") or [], int(answer.get("totalCount") or 0)

    def _get(self, path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        response = self._visitor.request(
            "GET", f"{self._base}{path}", params=query, headers={"Accept": "application/json"}
        )
        try:
            answer = response.json()
        except ValueError:
            raise Trouble(f"{path}: no JSON, but {response.text[:40]!r}") from None
        if not isinstance(answer, dict):
            raise Trouble(f"{path}: an answer of another kind than documented")
        return answer


def _row(row: Mapping[str, Any]) -> Found:
    kind = words(row.get("transactionType")).partition(" ")[0] or words(row.get("schedule"))
    found = _SCHEDULE.match(kind)
    schedule = (found[1] or f"F{found[2].lstrip('FS')}") if found else kind
    place = _PLACE.match(words(row.get("address")))
    parts = place.groupdict(default="") if place else {}
    return Found(
        id=str(row["id"]),
        filing=words(row.get("filingId")),
        schedule=schedule,
        filer_id="",
        filer=words(row.get("filerName")).lstrip("* "),
        date=day(row.get("date")),
        amount=words(row.get("amount")),
        name=words(row.get("name")) or words(row.get("vendor")),
        employer=words(row.get("employer")),
        occupation=words(row.get("occupation")),
        code=words(row.get("spendingCode")),
        **parts,
    )
