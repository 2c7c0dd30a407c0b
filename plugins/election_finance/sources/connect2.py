"""NetFile's older API, Connect2: a search of transactions, and the facts of each filing.

It has no published reference that still stands (Swagger was at /Connect2/api/swagger-ui/). Traps: an agency's number
may be 0, and two agencies share a shortcut; a query with the wrong agency is answered by an empty list; a failed query
may be answered with status 200 and a `responseStatus`; kinds of transactions fail now and then with status 500; pages
count from 0, and `totalMatchingPages` is their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk.fetching.http_errors import NotServed, Trouble
from clerk.fetching.visitor import Visitor
from plugins.election_finance.sources.search_rows import FilingFacts, Found, Page, day, walk, words

#: Form_Type by Connect2's number of a kind of transaction (`/public/campaign/list/transaction/types`).
SCHEDULE_OF_TYPE = {
    0: "A",
    1: "C",
    2: "I",
    4: "F496P3",
    5: "D",
    6: "E",
    7: "G",
    9: "F461P5",
    10: "F465P3",
    11: "F",
    12: "B1",
    13: "B2",
    14: "H",
    19: "F496",
    20: "F497P1",
    21: "F497P2",
}

_PAGE_SIZE = 1000
_DAILY = ("F496", "F496P3", "F497P1", "F497P2")


class Connect2:
    """Asks Connect2 about one agency."""

    #: How many filings' facts are asked for in one run, at most: with the pauses about a quarter of an hour.
    most_facts = 1500

    def __init__(self, visitor: Visitor, base: str, shortcut: str, first_year: int) -> None:
        self._visitor, self._base, self._shortcut, self._first_year = visitor, base.rstrip("/"), shortcut, first_year
        self._agency: int | None = None

    def newest(self) -> str:
        """Return the id of the newest filing, blank without one: as long as it stays, nothing has changed."""
        query = {"AID": self._shortcut, "Application": "Campaign", "CurrentPageIndex": 0, "PageSize": 1}
        filings = self._get("/public/list/filing", query).get("filings") or []
        return words(filings[0].get("id")) if filings else ""

    def rows(self) -> dict[str, Found]:
        """Return all transactions since the first year, by id; NotServed if there is not one."""
        found: dict[str, Found] = {}
        for kind, schedule in SCHEDULE_OF_TYPE.items():
            rows = walk(lambda number, kind=kind: self._page(kind, number), first=0)  # type: ignore[misc]
            found |= {row_id: _row(row, schedule) for row_id, row in rows.items()}
        if not found:
            raise NotServed(f"no transactions of {self._shortcut}: the agency may be another, or have none here")
        return found

    def facts(self, filing: str, row: Found) -> FilingFacts | None:
        """Return the facts of a filing; None where the server does not know it."""
        try:
            info = self._get(f"/public/filing/info/{filing}", {})
        except NotServed:
            return None
        start, end = ("", "") if row.schedule in _DAILY else (day(info.get("dateStart")), day(info.get("dateEnd")))
        number, amends = words(info.get("amendmentSequenceNumber")), words(info.get("amends"))
        return FilingFacts(number, amends, day(info.get("filingDate")), start, end)

    def _page(self, kind: int, number: int) -> Page:
        query = {
            "Agency": self._number(),
            "TransactionType": kind,
            "DateStart": f"{self._first_year}-01-01",
            "PageSize": _PAGE_SIZE,
            "CurrentPageIndex": number,
            "SortOrder": 1,
            "ShowSuperceded": True,
        }
        answer = self._answer("POST", "/public/campaign/search/transaction/query", json=query)
        return answer.get("results") or [], int(answer.get("totalMatchingCount") or 0)

    def _number(self) -> int:
        """Return the agency's number, which may be 0."""
        if self._agency is None:
            agencies = self._get("/public/campaign/agencies.json", {}).get("agencies") or []
            numbers = [int(agency["id"]) for agency in agencies if agency.get("shortcut") == self._shortcut]
            if len(numbers) != 1:
                known = "not on the list of agencies" if not numbers else "the shortcut of more than one agency"
                raise NotServed(f"{self._shortcut} is {known}")
            self._agency = numbers[0]
        return self._agency

    def _get(self, path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._answer("GET", path, params={**query, "format": "json"})

    def _answer(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        headers = {"Accept": "application/json"}
        response = self._visitor.request(method, f"{self._base}{path}", headers=headers, **options)
        try:
            answer = response.json()
        except ValueError:
            raise Trouble(f"{path}: no JSON, but {response.text[:40]!r}") from None
        if not isinstance(answer, dict):
            raise Trouble(f"{path}: an answer of another kind than documented")
        status = answer.get("responseStatus")
        if isinstance(status, dict) and status.get("errorCode"):
            raise Trouble(f"{path}: {words(status['errorCode'])[:200]}")
        return answer


def _row(row: Mapping[str, Any], schedule: str) -> Found:
    names = ("name", "city", "state", "zip", "employer", "occupation", "code", "description")
    texts = {name: words(row.get(name)) for name in names}
    return Found(
        id=str(row["id"]),
        filing=words(row.get("filingId")),
        schedule=schedule,
        filer_id=words(row.get("filerFppcId")) or words(row.get("filerLocalId")),
        filer=words(row.get("filerName")),
        date=day(row.get("date")),
        amount=words(row.get("amount")),
        committee_id=words(row.get("transactionFppcId")),
        candidate=words(row.get("candidate")),
        **texts,
    )
