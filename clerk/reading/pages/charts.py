"""Where the bars of a chart are, in percent of its width: charts.html draws them as SVG at any width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clerk.reading.pages.web import dollars

#: The longest label of a bar, in characters: it has room beside an amount on a telephone.
_LABEL = 30

#: The height of the columns, in pixels.
HEIGHT = 120

#: How many months a chart shows at most.
_MONTHS = 36


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A horizontal bar: `start` and `width` in percent, `top` in pixels."""

    label: str
    whole_label: str
    text: str
    width: float
    top: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class MonthColumn:
    """A vertical bar of a month: `left` and `width` in percent, `height` in pixels; `year` is set on each January."""

    month: str
    text: str
    left: float
    width: float
    height: float
    year: str = ""


def bars(rows: Iterable[tuple[str, float | None]], *, kinds: Sequence[str] = ()) -> list[ChartBar]:
    """Return a bar for each (label, amount), as long as its share of the largest; a negative amount has no bar."""
    found = [(label, amount or 0.0) for label, amount in rows]
    largest = max((amount for _, amount in found), default=0.0) or 1.0
    return [
        ChartBar(
            label=label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…",
            whole_label=label,
            text=dollars(amount),
            width=round(max(amount, 0.0) / largest * 100, 2),
            top=place * 40,
            kind=kinds[place] if kinds else "",
        )
        for place, (label, amount) in enumerate(found)
    ]


def month_columns(totals: Iterable[tuple[str, float]]) -> list[MonthColumn]:
    """Return a column for each month up to the last one that has money, empty ones included, at most three years.

    `totals` are (YYYY-MM, amount); other months are left out.
    """
    known = {month: amount for month, amount in totals if _is_month(month)}
    if not known:
        return []
    last = _index(max(known))
    first = max(_index(min(known)), last - _MONTHS + 1)
    months = [f"{place // 12:04}-{place % 12 + 1:02}" for place in range(first, last + 1)]
    largest = max(max(known.get(month, 0.0) for month in months), 0.0) or 1.0
    width = 100 / len(months)
    return [
        MonthColumn(
            month=month,
            text=dollars(known.get(month, 0.0)),
            left=round(place * width, 3),
            width=round(width * 0.8, 3),
            height=round(max(known.get(month, 0.0), 0.0) / largest * HEIGHT, 1),
            year=month[:4] if month.endswith("-01") or place == 0 else "",
        )
        for place, month in enumerate(months)
    ]


def _is_month(text: str) -> bool:
    return len(text) == 7 and text[4] == "-" and text[:4].isdigit() and text[5:].isdigit() and 1 <= int(text[5:]) <= 12


def _index(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1
