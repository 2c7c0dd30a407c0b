"""NetFile's searches, for agencies whose workbooks no program may have: asked politely, and only for what is new.

A site asks for one by `finance_search` in its `extra`. As long as the newest filing is the one of last time, nothing
else is asked. The facts of a filing (number, dates, period), without which its rows may count twice, are asked once;
what a run does not get to is owed, and its rows wait for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from clerk.fetching.http_errors import Refusal, Trouble
from clerk.fetching.visitor import Validators, VisitLimits, Visitor, user_agent
from clerk.settings import settings
from plugins.election_finance.agencies import agency_page
from plugins.election_finance.errors import BadSource
from plugins.election_finance.manifest import SEARCH, source_id
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources.connect2 import Connect2
from plugins.election_finance.sources.interface import Arrival, Asking, Offer
from plugins.election_finance.sources.portal import Portal
from plugins.election_finance.sources.search_rows import FilingFacts, Findings, Found, read_findings, read_rows
from plugins.election_finance.workbook import Workbook


class Searched(Protocol):
    """A search of one agency."""

    most_facts: int

    def newest(self) -> str:
        """Return what stays the same as long as nothing has changed, blank if that is not known."""

    def rows(self) -> dict[str, Found]:
        """Return all transactions, by id."""

    def facts(self, filing: str, row: Found) -> FilingFacts | None:
        """Return the facts of a filing, None where the server does not know it."""


class TransactionSearch:
    """The source of what NetFile's searches find."""

    format = SEARCH

    def offer(self, site: FinanceSite) -> Offer | None:
        """Return what a site with a NetFile agency has."""
        if not site.shortcut:
            return None
        action = (
            'To have the program search, put {"finance_search": "connect2"} into the site\'s extra, or "portal" if '
            f"Connect2 does not answer. It finds what {agency_page(site.shortcut)} shows, without transaction ids."
        )
        return Offer(self.format, "NetFile's search of transactions", site.search is not None, action)

    def fetch(self, asking: Asking) -> Iterator[Arrival]:
        """Yield what the search found that the site asks for."""
        site = asking.site
        if not site.search or not site.shortcut:
            return
        kind, base = _SEARCHES[site.search], _base(site.search)
        visitor = Visitor(
            allowed=[base], limits=VisitLimits(), session=True, headers={"User-Agent": user_agent("election finance")}
        )
        url = f"{base.rstrip('/')}/{site.shortcut}"
        fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
        about = Arrival(None, site.search, url, None, ".json", fetched_at, format=self.format)
        try:
            yield _searched(kind(visitor, base, site.shortcut, asking.years.start), asking, about)
        except (Refusal, BadSource) as error:
            yield Arrival(None, site.search, url, error=error, format=self.format)
        finally:
            visitor.close()

    def recognises(self, start: str) -> bool:
        """Return False: findings are the program's own."""
        return False

    def read(self, path: Path, url: str, into: Path) -> Workbook:
        """Read the findings of a search."""
        return read_rows(path, into)


_SEARCHES: Mapping[str, Callable[[Visitor, str, str, int], Searched]] = {"connect2": Connect2, "portal": Portal}

#: After so many filings in a row whose facts could not be had, the others wait for the next run.
_GIVE_UP = 3


def _base(search: str) -> str:
    return settings().finance_search_url if search == "connect2" else settings().finance_portal_url


def _searched(search: Searched, asking: Asking, about: Arrival) -> Arrival:
    """Return the findings of last time with what is new, or a word that nothing is."""
    known, stored = asking.known.get(about.key), asking.stored.get(about.key)
    asking.say(f"asking {about.route} for the newest filing")
    newest = search.newest()
    had = read_findings(stored) if stored else Findings()
    if stored and newest and known and known.etag == newest and not had.owed:
        return _with(about, None, newest)
    asking.say(f"searching {about.route}")
    rows = search.rows()
    first_of: dict[str, Found] = {}
    for row in rows.values():
        first_of.setdefault(row.filing, row)
    found = Findings({filing: facts for filing, facts in had.filings.items() if filing in first_of}, rows)
    wanted = sorted((filing for filing in first_of if filing not in found.filings), reverse=True)
    _ask_for_facts(search, found, first_of, wanted[: search.most_facts], asking)
    found.owed = [filing for filing in wanted if filing not in found.filings]
    path = asking.work / f"{source_id(about.key)}.json"
    found.write(path)
    return _with(about, path, newest)


def _ask_for_facts(
    search: Searched, found: Findings, first_of: Mapping[str, Found], filings: Sequence[str], asking: Asking
) -> None:
    failed_in_a_row = 0
    for filing in filings:
        if failed_in_a_row >= _GIVE_UP:
            return
        asking.say(f"asking for the facts of filing {filing}")
        try:
            found.filings[filing] = search.facts(filing, first_of[filing]) or FilingFacts()
            failed_in_a_row = 0
        except Trouble:  # now and then a filing is answered by status 500
            failed_in_a_row += 1


def _with(about: Arrival, path: Path | None, newest: str) -> Arrival:
    return Arrival(
        *(about.year, about.route, about.url, path, about.suffix, about.fetched_at),
        validators=Validators(newest or None),
        format=about.format,
    )
