"""Who filed what: the committees and the filings that the rows of all workbooks speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from plugins.election_finance import codes
from plugins.election_finance.amendments import DAILY_FORMS, Reason, ReportVersion, Superseded, overlaps, superseded
from plugins.election_finance.cleaning import fppc_id, normal_name
from plugins.election_finance.layout import PART_3, Sheet
from plugins.election_finance.manifest import SHEET_CSV, WORKBOOK
from plugins.election_finance.same_filing import Content, duplicates
from plugins.election_finance.transform import Filing

#: Where NetFile shows a filing as a PDF, by its id.
IMAGE_ADDRESS = "https://netfile.com/Connect2/api/public/image/{}"


@dataclass(frozen=True, slots=True)
class Committee:
    """A filer, named as on its latest report."""

    committee_id: str
    name: str
    committee_type: str | None
    first_report: str | None
    last_report: str | None
    names: tuple[tuple[str, str, str], ...]  # name, first and last date of a report that has it

    @property
    def row(self) -> tuple[Any, ...]:
        """Return the values of its row of `committees`."""
        pending = self.committee_id.startswith("pending:")
        state_id = fppc_id(self.committee_id)
        local_id = None if pending or state_id else self.committee_id
        dates = (self.first_report, self.last_report)
        label = codes.COMMITTEES.get((self.committee_type or "").upper())
        return (self.committee_id, state_id, local_id, self.name, self.committee_type, *dates, int(pending), label)


class Rolls:
    """Collects filings row by row; what comes out does not depend on the order they came in."""

    def __init__(self) -> None:
        self._filings: dict[str, Filing] = {}
        self._reports: set[str] = set()  # the filings that a sheet with reports has
        self._schedules: dict[str, set[str]] = {}  # the sheets that each filing has rows of, without Summary
        self._verdicts: dict[str, Superseded] = {}
        self._names: dict[str, set[tuple[str, int, bool, str, str]]] = {}

    @property
    def filing_ids(self) -> Set[str]:
        """Return the ids of the filings so far."""
        return self._filings.keys()

    def note(self, filing: Filing, sheet: Sheet) -> None:
        """Remember a filing and the name its committee has on it."""
        version = filing.version
        if sheet.name != PART_3 or filing.format not in (WORKBOOK, SHEET_CSV):
            self._reports.add(version.filing_id)
        schedules = self._schedules.setdefault(version.filing_id, set())
        if sheet.kind != "summary":
            schedules.add(sheet.name)
        known = self._filings.get(version.filing_id)
        if known is None or (filing.election_date or "") > (known.election_date or ""):
            self._filings[version.filing_id] = filing
        # Sorts by date and number; of names filed together, one without lost characters comes last.
        sighting = (
            version.report_date,
            version.report_num,
            "?" not in filing.committee_name,
            filing.committee_name,
            filing.committee_type or "",
        )
        self._names.setdefault(version.committee_id, set()).add(sighting)

    def named(self) -> dict[str, str]:
        """Return {name as one compares it: committee} of the names that one committee alone has had."""
        found: dict[str, set[str]] = {}
        for committee_id, sightings in self._names.items():
            for _date, _number, _whole, name, _kind in sightings:
                found.setdefault(normal_name(name), set()).add(committee_id)
        return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}

    def committees(self) -> Iterator[Committee]:
        """Yield the committees, by id."""
        for committee_id, sightings in sorted(self._names.items()):
            *_rest, name, kind = max(sightings)
            dates = sorted(date for date, *_ in sightings if date)
            first, last = (dates[0], dates[-1]) if dates else (None, None)
            yield Committee(committee_id, name, kind or None, first, last, _names(sightings))

    def judge(self, contents: Callable[[Sequence[str]], Mapping[str, Content]]) -> None:
        """Decide which filings count, once all are noted; `contents` returns the rows of filings."""
        filings = [self._filings[filing_id] for filing_id in sorted(self._reports)]
        schedules = {filing_id: len(sheets) for filing_id, sheets in self._schedules.items()}
        same = duplicates(filings, schedules, contents)
        others = superseded(filing.version for filing in filings if filing.version.filing_id not in same)
        self._verdicts = others | {loser: Superseded(by, Reason.DUPLICATE) for loser, by in same.items()}

    def overlapping(self) -> Iterator[str]:
        """Yield what is said of reports that both count and whose periods overlap."""
        current = self._reports - self._verdicts.keys()
        for one, other in overlaps(self._filings[filing_id].version for filing_id in sorted(current)):
            name = self._filings[one.filing_id].committee_name
            periods = " and ".join(f"{each.from_date} to {each.thru_date}" for each in (one, other))
            yield f"{name} ({one.committee_id}): the reports {one.form} of {periods} overlap, and both count"

    def without_original(self) -> Iterator[str]:
        """Yield what is said of amendments of no loaded report, where the filer has one that they might amend."""
        amending = {verdict.by for verdict in self._verdicts.values() if verdict.reason is Reason.AMENDED}
        lowest: dict[tuple[str, str], int] = {}
        current = [self._filings[filing_id] for filing_id in sorted(self._reports - self._verdicts.keys())]
        for filing in current:
            version = filing.version
            series = (version.committee_id, version.form)
            lowest[series] = min(version.report_num, lowest.get(series, version.report_num))
        for filing in current:
            version = filing.version
            might_amend = lowest[version.committee_id, version.form] < version.report_num
            if might_amend and version.form not in DAILY_FORMS and version.filing_id not in amending:
                period = f"{version.from_date} to {version.thru_date}"
                yield (
                    f"{filing.committee_name} ({version.committee_id}): report {version.form} of {period}, number "
                    f"{version.report_num}, amends no loaded report. If its period is wrong, its original counts too"
                )

    def ties(self) -> Iterator[tuple[Filing, str | None]]:
        """Yield each filing that only part 3 of Form 496 speaks of, and the id of its report, if there is one.

        Part 3 has no report id, so it is tied to the 496 of its committee, date and number; of several, to one that
        counts.
        """
        reports: dict[tuple[str, str, int], list[tuple[str, bool, str, str]]] = {}
        for filing_id in self._reports:
            version = self._filings[filing_id].version
            if version.form == "496":
                order = (
                    self._filings[filing_id].format,
                    filing_id in self._verdicts,
                    version.report_id,
                    filing_id,
                )
                reports.setdefault(_act(version), []).append(order)
        for filing_id in sorted(self._filings.keys() - self._reports):
            filing = self._filings[filing_id]
            found = reports.get(_act(filing.version), [])
            same_format = [order for order in found if order[0] == filing.format]
            yield filing, min(order[1:] for order in same_format or found)[-1] if found else None

    def filings(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of `filings`, each with its verdict under the amendment rule."""
        for filing_id in sorted(self._reports):
            filing = self._filings[filing_id]
            version, verdict = filing.version, self._verdicts.get(filing_id)
            yield (
                filing_id,
                version.committee_id,
                version.form,
                version.report_num,
                version.report_id or None,
                version.report_date or None,
                version.from_date or None,
                version.thru_date or None,
                filing.election_date,
                version.netfile_id or None,  # the yearly export has none, and so no link to the PDF
                IMAGE_ADDRESS.format(version.netfile_id) if version.netfile_id else None,
                int(verdict is None),
                verdict.by if verdict else None,
                verdict.reason.value if verdict else None,
                codes.FORMS.get(version.form),
                None,  # filled when the agency's page is known
            )


def _act(version: ReportVersion) -> tuple[str, str, int]:
    return (version.committee_id, version.report_date, version.report_num)


def _names(sightings: set[tuple[str, int, bool, str, str]]) -> tuple[tuple[str, str, str], ...]:
    dates: dict[str, list[str]] = {}
    for date, _number, _whole, name, _kind in sightings:
        dates.setdefault(name, []).append(date)
    return tuple((name, min(seen), max(seen)) for name, seen in sorted(dates.items()))
