"""Which version of a report counts: pure functions from filings to verdicts.

A report that covers a period (Forms 460, 461, 465…) replaces every version of the same filer, form and period
that has a lower report number or, the number being equal, an earlier filing date. An amendment may correct the period
itself: it also replaces a version with a lower number, filed the same day or before, if the two periods share most of
their days and begin and end at most CORRECTION days apart. Of what is left, a period that lies within a wider one of
the same filer and form, filed on the same day or later, is dropped: the wider report itemises the same money again.
Partly overlapping periods are both kept; `overlaps` finds them.

A version that names the filing that it amends by NetFile's id replaces that one, whatever the two cover.

A 24-hour report (Forms 496, 497) is known by the filer's own report id, not by a period, and filers start again at 1
each year. So the reports of one filer, form and id are taken in the order of their dates: an original that is filed in
a later year than the series before it began, or after a series that has no original, begins a new series; anything
else belongs to the newest series. An amendment filed after New Year thus replaces what it amends, and next year's
report of the same id does not. One without an id cannot be matched with anything and always counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

#: Forms whose versions are matched by report id.
DAILY_FORMS = frozenset({"496", "497"})

#: By how many days an amendment may move an end of its period, at most.
CORRECTION = 31


@dataclass(frozen=True, slots=True, order=True)
class ReportVersion:
    """One filed version of one report; dates are YYYY-MM-DD, or empty where the filer left them out."""

    committee_id: str
    form: str
    from_date: str
    thru_date: str
    report_num: int
    report_date: str
    report_id: str
    filing_id: str
    netfile_id: str = ""  # NetFile's id of the filing, and of the one that it says to amend, where a source has them
    amends: str = ""


class Reason(StrEnum):
    """Why a version does not count."""

    AMENDED = "amended"  # a higher report number replaces it, for its period or a corrected one
    REFILED = "refiled"  # filed again later under the same number
    CONTAINED = "contained"  # its period lies within a later report's
    DUPLICATE = "duplicate"  # another source has the same filing, and has it better


@dataclass(frozen=True, slots=True)
class Superseded:
    """The version that counts instead, and why."""

    by: str
    reason: Reason


def superseded(versions: Iterable[ReportVersion]) -> dict[str, Superseded]:
    """Return the filings that do not count, by filing id; every other one is current."""
    versions = list(versions)
    verdicts = _amended_by_id(versions)
    newest = []
    for group in _grouped(version for version in versions if version.filing_id not in verdicts):
        winner = max(group, key=age)
        newest.append(winner)
        verdicts |= {loser.filing_id: _replaced(loser, winner) for loser in group if loser is not winner}
    corrected = _corrected(newest)
    return verdicts | corrected | _contained(report for report in newest if report.filing_id not in corrected)


def _amended_by_id(versions: Iterable[ReportVersion]) -> dict[str, Superseded]:
    """Return the filings that a newer one of the same filer names as amended."""
    filed = {(version.committee_id, version.netfile_id): version for version in versions if version.netfile_id}
    pairs = [(version, filed.get((version.committee_id, version.amends))) for version in versions if version.amends]
    return {
        amended.filing_id: Superseded(version.filing_id, Reason.AMENDED)
        for version, amended in pairs
        if amended and age(amended) < age(version)
    }


def overlaps(current: Iterable[ReportVersion]) -> Iterator[tuple[ReportVersion, ReportVersion]]:
    """Yield the reports of one filer and form whose periods share a day, two by two: both count, so money may twice."""
    for reports in _periods(current).values():
        reports.sort(key=lambda report: (report.from_date, report.thru_date, report.filing_id))
        for at, report in enumerate(reports):
            for other in reports[at + 1 :]:
                if other.from_date > report.thru_date:
                    break
                yield report, other


def _grouped(versions: Iterable[ReportVersion]) -> list[list[ReportVersion]]:
    groups: defaultdict[tuple[str, ...], list[ReportVersion]] = defaultdict(list)
    for version in versions:
        groups[_identity(version)].append(version)
    return [series for group in groups.values() for series in _series(group)]


def _identity(version: ReportVersion) -> tuple[str, ...]:
    who = (version.committee_id, version.form)
    if version.form not in DAILY_FORMS:
        return (*who, version.from_date, version.thru_date)
    if version.report_id:
        return (*who, version.report_id)
    return (*who, "", version.filing_id)


def _series(group: list[ReportVersion]) -> list[list[ReportVersion]]:
    """Part the daily reports of one id by what they amend; the versions of a period are one series."""
    if group[0].form not in DAILY_FORMS:
        return [group]
    series: list[list[ReportVersion]] = []
    for version in sorted(group, key=lambda version: (_filed(version), version.report_num, version.filing_id)):
        if series and not _begins_another(version, series[-1]):
            series[-1].append(version)
        else:
            series.append([version])
    return series


def _begins_another(version: ReportVersion, series: list[ReportVersion]) -> bool:
    first = series[0]  # the original, if there is one
    return version.report_num == 0 and (first.report_num > 0 or _filed(version)[:4] > _filed(first)[:4])


def _filed(version: ReportVersion) -> str:
    return version.report_date or version.thru_date


def age(version: ReportVersion) -> tuple[int, str, int, str]:
    """Return what orders the versions of a report, the newest last; NetFile numbers filings as they arrive."""
    arrival = int(version.netfile_id) if version.netfile_id.isdecimal() else 0
    return (version.report_num, version.report_date, arrival, version.filing_id)


def _replaced(loser: ReportVersion, winner: ReportVersion) -> Superseded:
    amended = winner.report_num > loser.report_num
    return Superseded(winner.filing_id, Reason.AMENDED if amended else Reason.REFILED)


def _periods(versions: Iterable[ReportVersion]) -> dict[tuple[str, str], list[ReportVersion]]:
    """Return the versions that cover a period, by filer and form."""
    filers: defaultdict[tuple[str, str], list[ReportVersion]] = defaultdict(list)
    for version in versions:
        if version.form not in DAILY_FORMS and version.from_date and version.thru_date:
            filers[version.committee_id, version.form].append(version)
    return filers


def _corrected(newest: Iterable[ReportVersion]) -> dict[str, Superseded]:
    """Return the versions that an amendment with a corrected period replaces."""
    verdicts = {}
    for reports in _periods(newest).values():
        for report in reports:
            if amendments := [other for other in reports if _corrects(other, report)]:
                verdicts[report.filing_id] = _replaced(report, max(amendments, key=age))
    return verdicts


def _corrects(amendment: ReportVersion, report: ReportVersion) -> bool:
    """Return whether an amendment's period is that of a report, with other days."""
    start, end = (date.fromisoformat(day).toordinal() for day in _period(amendment))
    other_start, other_end = (date.fromisoformat(day).toordinal() for day in _period(report))
    shared = min(end, other_end) - max(start, other_start) + 1
    longest = max(end - start, other_end - other_start) + 1
    return (
        amendment.report_num > report.report_num
        and amendment.report_date >= report.report_date
        and max(abs(start - other_start), abs(end - other_end)) <= CORRECTION
        and 2 * shared > longest
    )


def _period(version: ReportVersion) -> tuple[str, str]:
    return (version.from_date, version.thru_date)


def _contained(newest: Iterable[ReportVersion]) -> dict[str, Superseded]:
    verdicts = {}
    for reports in _periods(newest).values():
        for report in reports:
            wider = [other for other in reports if _covers(other, report)]
            if wider:
                verdicts[report.filing_id] = Superseded(max(wider, key=_breadth).filing_id, Reason.CONTAINED)
    return verdicts


def _covers(wide: ReportVersion, narrow: ReportVersion) -> bool:
    return (
        wide.from_date <= narrow.from_date
        and narrow.thru_date <= wide.thru_date
        and _period(wide) != _period(narrow)
        and wide.report_date >= narrow.report_date
    )


def _breadth(version: ReportVersion) -> tuple[int, str, str]:
    """Order by width, so that what supersedes a contained report is not itself contained; ids break ties."""
    days = int(version.thru_date.replace("-", "")) - int(version.from_date.replace("-", ""))
    return (days, version.report_date, version.filing_id)
