"""NetFile's yearly workbooks: from an agency's directory of ZIP files, where the agency has one, else by hand.

https://public.netfile.com/pub2/docs/Export_FAQ.txt describes them. The site's pages export them only behind a check
against programs, which is respected: a person downloads the file there and puts it into the drop folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clerk.fetching.http_errors import Refusal
from clerk.fetching.visitor import FileType, TooLarge, Trouble, Validators, VisitLimits, Visitor, user_agent
from clerk.settings import settings
from plugins.election_finance import workbook
from plugins.election_finance.agencies import agency_page, file_url
from plugins.election_finance.archive import ARCHIVE_LIMITS, workbook_file
from plugins.election_finance.errors import BadSource
from plugins.election_finance.manifest import WORKBOOK
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources.interface import Arrival, Asking, Offer
from plugins.election_finance.workbook import Workbook

#: The first year asked for when a site does not say; years that an agency does not have are simply not there.
FIRST_YEAR = 2010

#: After so many years in a row that failed because of the network, the rest is not tried.
_GIVE_UP = 2

_ZIP = FileType("a zip file", b"PK", within=2)

_REFUSED = "access refused"
_MEANINGS = {401: _REFUSED, 403: _REFUSED, 404: "no such year", 410: "no such year"}


class Workbooks:
    """The source of yearly workbooks."""

    format = WORKBOOK

    def offer(self, site: FinanceSite) -> Offer | None:
        """Return what a site with a NetFile agency has."""
        if not site.shortcut:
            return None
        by_hand = (
            f"download each year at https://public.netfile.com/pub2/?aid={site.shortcut} (Export Amended), or "
            f"{agency_page(site.shortcut)}, and put it into {site.drop}, named by its year."
        )
        if site.drop.is_dir():
            action = f"They are not fetched, since there is a drop folder: {by_hand}"
        else:
            action = f"If the agency has no directory of files, {by_hand}"
        return Offer(self.format, "NetFile's yearly workbooks", not site.drop.is_dir(), action)

    def fetch(self, asking: Asking) -> Iterator[Arrival]:
        """Yield what came of each year; nothing for a site with a drop folder, or without an agency."""
        site = asking.site
        if site.drop.is_dir() or not site.shortcut:
            return
        base = settings().finance_base_url
        known = {int(key): validators for key, validators in asking.known.items() if key.isdecimal()}
        yield from Served(make_visitor(base), base, site.shortcut).files(asking.years, asking.work, known, asking.say)

    def recognises(self, start: str) -> bool:
        """Return False: workbooks are not text."""
        return False

    def read(self, path: Path, url: str, into: Path) -> Workbook:
        """Read the workbook in a file."""
        return workbook.extract(workbook_file(path, into.with_suffix(".xlsx")), into.with_suffix(".cells"))


def make_visitor(base: str, limits: VisitLimits | None = None) -> Visitor:
    """Return the visitor of NetFile's server at `base`."""
    return Visitor(
        allowed=[base],
        limits=limits or VisitLimits(size=ARCHIVE_LIMITS.bytes, pause=0.2),
        headers={"User-Agent": user_agent("election finance")},
        meanings=_MEANINGS,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """NetFile's directory of an agency: one ZIP a year."""

    visitor: Visitor
    base: str
    shortcut: str

    def files(
        self, years: range, work: Path, known: Mapping[int, Validators], say: Callable[[str], None]
    ) -> Iterator[Arrival]:
        """Yield what came of each year; a year whose validators are `known` is downloaded only if it has changed."""
        failed_in_a_row = 0
        for year in years:
            url = file_url(self.base, self.shortcut, year)
            if failed_in_a_row >= _GIVE_UP:
                error = Trouble("not tried, since the server did not answer for other years")
                yield Arrival(year, "netfile", url, error=error)
                continue
            say(f"downloading {year}")
            arrival = self._file(year, url, work / f"{year}.zip", known.get(year))
            failed_in_a_row = failed_in_a_row + 1 if isinstance(arrival.error, Trouble) else 0
            yield arrival

    def _file(self, year: int, url: str, target: Path, known: Validators | None) -> Arrival:
        fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            found = self.visitor.download(url, target, known=known, expected=_ZIP)
        except TooLarge as error:
            return Arrival(year, "netfile", url, error=BadSource(str(error)))
        except Refusal as error:
            return Arrival(year, "netfile", url, error=error)
        path = None if found is None else target
        return Arrival(year, "netfile", url, path, fetched_at=fetched_at, validators=found or known or Validators())
