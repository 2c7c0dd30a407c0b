"""Single sheets of the yearly workbook as CSV: Oakland and San Francisco publish them on their open-data sites.

Socrata writes amounts as `$-100.00`, dates as MM/DD/YYYY, and 0 for every report number, so that versions of a report
are distinguished by their date of filing. The files hold all years. Addresses are given in the site's `extra`, as
`finance_csv`; a file that has not changed is not downloaded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from clerk.fetching.http_errors import Refusal
from clerk.fetching.visitor import FileType, TooLarge, Validators, VisitLimits, Visitor, user_agent
from plugins.election_finance.archive import ARCHIVE_LIMITS
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import SHEETS, Sheet
from plugins.election_finance.manifest import SHEET_CSV, source_id
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources.interface import Arrival, Asking, Offer
from plugins.election_finance.sources.text_rows import (
    GIVEN_COLUMNS,
    SheetWriter,
    column_names,
    column_places,
    schedule,
    table,
    unknown_schedule,
)
from plugins.election_finance.workbook import Remark, Workbook

_CSV = FileType("a CSV file of a sheet", b"iler_", within=4096)

#: Where cities publish the sheets, and the ids of the data sets, as far as they are known.
_OPEN_DATA = {
    "COAK": (
        "https://data.oaklandca.gov",
        "rsxe-vvuw (Summary), 3xq4-ermg (A), qaa7-q29f (B1), ba44-jqtm (C), x5eg-xkea (D), bvfu-nq99 (E), "
        "9gcg-vghr (F), xuui-k2nt (G), jft9-u9bd (I), ub5g-m92u (461), jkj3-8yq3 (496), qact-u8hq (497)",
    ),
    "SFO": ("https://data.sfgov.org", "look for campaign finance"),
}


class SheetCsv:
    """The source of single sheets as CSV."""

    format = SHEET_CSV

    def offer(self, site: FinanceSite) -> Offer | None:
        """Return what a city with open data has, or a site that names addresses."""
        if not site.csv_addresses and site.shortcut not in _OPEN_DATA:
            return None
        base, data_sets = _OPEN_DATA.get(site.shortcut or "", ("https://data.example.org", "of your choice"))
        action = (
            f"Export the data sets at {base} as CSV ({data_sets}) into {site.drop}, or name their addresses "
            f'in the site\'s extra: {{"finance_csv": ["{base}/api/views/ID/rows.csv"]}}.'
        )
        return Offer(self.format, "sheets as CSV (Socrata)", bool(site.csv_addresses), action)

    def fetch(self, asking: Asking) -> Iterator[Arrival]:
        """Yield what came of each address that the site names."""
        for url in asking.site.csv_addresses:
            visitor = Visitor(
                limits=VisitLimits(size=ARCHIVE_LIMITS.bytes),
                trusts_first=True,
                headers={"User-Agent": user_agent("election finance")},
            )
            asking.say(f"downloading {url}")
            fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
            target, known = asking.work / f"{source_id(url)}.csv", asking.known.get(url)
            try:
                found = visitor.download(url, target, known=known, expected=_CSV)
            except TooLarge as error:
                yield Arrival(None, "socrata", url, error=BadSource(str(error)), format=self.format)
            except Refusal as error:
                yield Arrival(None, "socrata", url, error=error, format=self.format)
            else:
                path, seen = (target if found else None), found or known or Validators()
                yield Arrival(None, "socrata", url, path, ".csv", fetched_at, seen, format=self.format)

    def recognises(self, start: str) -> bool:
        """Return whether the header is that of a sheet."""
        return {"filer_id", "filer_naml", "form_type"} <= column_names(start)

    def read(self, path: Path, url: str, into: Path) -> Workbook:
        """Read a sheet: its columns say which kind it is, Form_Type of each row which schedule."""
        rows = table(path)
        _, header = next(rows)
        places = column_places(header)
        sheets = [sheet for sheet in SHEETS if all(name.casefold() in places for name in sheet.required)]
        if not sheets:
            raise BadSource("not a sheet of a yearly workbook: its columns are those of no sheet that is known")
        picks = {sheet.name: _picks(sheet, places) for sheet in sheets}
        best = max(sheets, key=lambda sheet: (len(picks[sheet.name]), -len(sheet.columns)))
        writer = SheetWriter(into, picks)
        for remark in _odd_columns(best, places):
            writer.remark(remark)
        form = places["form_type"]
        for number, row in rows:
            sheet = best if best.kind == "summary" else schedule(row[form])
            if sheet in sheets and sheet.kind == best.kind:
                writer.add(sheet, number, row)
            else:
                writer.remark(unknown_schedule(number, row[form], ", ".join(filter(None, row))[:200]))
        return writer.workbook()


def _picks(sheet: Sheet, places: Mapping[str, int]) -> dict[str, int]:
    return {name: places[name.casefold()] for name in GIVEN_COLUMNS[sheet.name] if name.casefold() in places}


def _odd_columns(sheet: Sheet, places: Mapping[str, int]) -> Iterator[Remark]:
    expected = {name.casefold(): name for name in sheet.columns}
    for name in sorted(expected.keys() - places.keys()):
        yield Remark(sheet.name, None, "missing_column", expected[name])
    for name in sorted(places.keys() - expected.keys() - {""}):
        yield Remark(sheet.name, None, "extra_column", name)
