"""Read the constructor arguments of a fetcher, in the form of either generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from clerk.errors import UsageError

#: How far ahead meetings are listed by default.
AHEAD = timedelta(days=183)

#: Years that are fetched of a site without a start year.
_DEFAULT_SPAN = 10

_OLD = ("start_year", "all_agendas")
_NEW = ("all_agendas", "start_date_str", "end_date_str")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days to fetch, and whether to fetch the agendas of past meetings."""

    start_year: int
    start_date: datetime  # naive, as old fetchers compare it
    end_date: datetime
    all_agendas: bool
    start_given: bool


def read_arguments(site: Mapping[str, Any], given: tuple[Any, ...], named: Mapping[str, Any]) -> Span:
    """Read `(start_year, all_agendas)` and `(all_agendas, start_date_str, end_date_str)`, also by keyword.

    Raises TypeError for an unknown keyword, UsageError for a date that cannot be read.
    """
    names = _NEW if given and isinstance(given[0], bool) else _OLD
    if len(given) > len(names):
        raise TypeError(f"a fetcher takes the site and at most {', '.join(names)}")
    values = dict(zip(names, given, strict=False)) | dict(named)
    unknown = set(values) - {*_OLD, *_NEW}
    if unknown:
        raise TypeError(f"a fetcher takes {', '.join(dict.fromkeys(_OLD + _NEW))}, not {', '.join(sorted(unknown))}")
    return _span(site, values)


def site_start_year(site: Mapping[str, Any]) -> int:
    """Return the year a site's records begin with, by default ten years ago."""
    return int(site.get("start_year") or datetime.now().year - _DEFAULT_SPAN)


def parse_day(text: str) -> datetime:
    """Return midnight of a day, naive; UsageError if it is not written as 2024-01-31."""
    try:
        return datetime.combine(date.fromisoformat(text.strip()[:10]), datetime.min.time())
    except ValueError:
        raise UsageError(f"{text!r} is not a date: write it as 2024-01-31") from None


def _span(site: Mapping[str, Any], values: Mapping[str, Any]) -> Span:
    year, start, end = (values.get(name) for name in ("start_year", "start_date_str", "end_date_str"))
    first = parse_day(start) if start else datetime(int(year or site_start_year(site)), 1, 1)
    return Span(
        start_year=int(year or site_start_year(site)),
        start_date=first,
        end_date=parse_day(end) if end else datetime.now() + AHEAD,
        all_agendas=bool(values.get("all_agendas")),
        start_given=bool(start or year),
    )
