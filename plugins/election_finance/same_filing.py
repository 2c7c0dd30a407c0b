"""Which source counts where several have one filing: pure functions from filings to verdicts.

A filing that two sources have counts once. Two filings of different formats are the same if NetFile's ids are, or if
filer, form and period (of a 24-hour report: its report id) are, and so is what both formats know of the version:

* a workbook and an e-filing know report number and date of filing;
* a sheet's CSV knows the date only: Socrata writes 0 for the number;
* a search with the filing's facts knows the number only: its date is the day of arrival;
* a cal201 export knows neither, so all its versions of a report are one with the other source's.

A filing of a cal201 export or a search without period (or report id) is the same as one of another format, filer and
form if that one has all its rows: the same days, amounts and names.

Of the sources of one filing the one counts that has most of its schedules, so that a single sheet does not displace
an export of all; of equals, the first of manifest.SOURCE_FORMATS. The others stay, as `duplicate` of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations

from plugins.election_finance.amendments import DAILY_FORMS, ReportVersion, age
from plugins.election_finance.manifest import CAL201, EFILE, SEARCH, SHEET_CSV, SOURCE_FORMATS, WORKBOOK
from plugins.election_finance.transform import Filing

#: What a row says: its sheet, day, amount and the words of its name.
Content = Counter[tuple[Hashable, ...]]

#: What the files of a format know of a report's version.
_KNOWN = {
    WORKBOOK: {"report_num", "report_date"},
    EFILE: {"report_num", "report_date"},
    SHEET_CSV: {"report_date"},
    CAL201: set(),
    SEARCH: {"report_num"},
}


def duplicates(
    filings: Sequence[Filing],
    schedules: Mapping[str, int],
    contents: Callable[[Sequence[str]], Mapping[str, Content]],
) -> dict[str, str]:
    """Return {filing that does not count: the same one of the source that does}, by filing id.

    `schedules` is how many schedules each filing has; `contents` returns the rows of filings.
    """
    verdicts: dict[str, str] = {}
    formats = [format_ for format_ in SOURCE_FORMATS if any(filing.format == format_ for filing in filings)]
    for pair in combinations(formats, 2):
        for key in (_netfile_id, _report_key(pair)):
            groups: defaultdict[Hashable, list[Filing]] = defaultdict(list)
            for filing in filings:
                if filing.format in pair and filing.version.filing_id not in verdicts and (which := key(filing)):
                    groups[which].append(filing)
            for group in groups.values():
                verdicts |= _settled(group, schedules)
    if len(formats) > 1:
        verdicts |= _by_content([f for f in filings if f.version.filing_id not in verdicts], schedules, contents)
    return verdicts


def _netfile_id(filing: Filing) -> Hashable:
    return filing.version.netfile_id


def _report_key(pair: tuple[str, str]) -> Callable[[Filing], Hashable]:
    """Return what is equal for the same filing in two formats; it returns None if that is not known of a filing."""
    known = sorted(_KNOWN[pair[0]] & _KNOWN[pair[1]])

    def key(filing: Filing) -> Hashable:
        version = filing.version
        who = (version.committee_id, version.form)
        of_version = tuple(getattr(version, name) for name in known)
        if version.form in DAILY_FORMS:
            return (*who, version.report_id, *of_version) if version.report_id and known else None
        return (*who, version.from_date, version.thru_date, *of_version) if _has_period(version) else None

    return key


def _has_period(version: ReportVersion) -> bool:
    return bool(version.from_date and version.thru_date)


def _settled(group: Sequence[Filing], schedules: Mapping[str, int]) -> dict[str, str]:
    """Return the verdicts on the versions of one report: those of all formats but the best are duplicates."""

    def rank(format_: str) -> tuple[int, int]:
        most = max(schedules[filing.version.filing_id] for filing in group if filing.format == format_)
        return (most, -SOURCE_FORMATS.index(format_))

    best = max({filing.format for filing in group}, key=rank)
    winner = max((filing.version for filing in group if filing.format == best), key=age)
    return {filing.version.filing_id: winner.filing_id for filing in group if filing.format != best}


def _by_content(
    filings: Sequence[Filing],
    schedules: Mapping[str, int],
    contents: Callable[[Sequence[str]], Mapping[str, Content]],
) -> dict[str, str]:
    """Return the verdicts on the filings of which nothing but their rows is known."""
    vague = [filing for filing in filings if _is_vague(filing)]
    by_filer: defaultdict[tuple[str, str], list[Filing]] = defaultdict(list)
    for filing in filings:
        by_filer[_filer(filing)].append(filing)
    candidates = {
        filing.version.filing_id: [other for other in by_filer[_filer(filing)] if _is_better(other, filing, schedules)]
        for filing in vague
    }
    wanted = {other.version.filing_id for others in candidates.values() for other in others}
    rows = contents(sorted(wanted | {filing_id for filing_id, others in candidates.items() if others}))
    verdicts = {}
    for filing_id, others in candidates.items():
        holding = [other.version for other in others if rows[filing_id] <= rows[other.version.filing_id]]
        if holding and rows[filing_id]:
            verdicts[filing_id] = max(holding, key=age).filing_id
    return verdicts


def _is_vague(filing: Filing) -> bool:
    version = filing.version
    is_known = version.report_id if version.form in DAILY_FORMS else _has_period(version)
    return filing.format in (CAL201, SEARCH) and not is_known


def _filer(filing: Filing) -> tuple[str, str]:
    return (filing.version.committee_id, filing.version.form)


def _is_better(other: Filing, filing: Filing, schedules: Mapping[str, int]) -> bool:
    return SOURCE_FORMATS.index(other.format) < SOURCE_FORMATS.index(filing.format) and bool(
        schedules[other.version.filing_id]
    )
