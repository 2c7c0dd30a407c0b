"""Legistar's Web API as it behaves: OData filters, order, at most a thousand rows, dates without a zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

Row = dict[str, Any]

MOST_ROWS = 1000

_COMPARISON = re.compile(r"(\w+) (ge|gt|le|lt|eq) datetime'([^']*)'")
_TOKEN = re.compile(r"\s*(\(|\)|and\b|or\b|\w+ (?:ge|gt|le|lt|eq) datetime'[^']*')")


@dataclass(frozen=True)
class Filter:
    """An OData filter of comparisons with datetime literals, `and`, `or` and brackets."""

    text: str

    def allows(self, row: Row) -> bool:
        """Tell whether a row passes; what is null passes no comparison."""
        tokens = _TOKEN.findall(self.text)
        assert re.sub(r"\s", "", self.text) == re.sub(r"\s", "", "".join(tokens)), f"not OData: {self.text}"
        result = _either(tokens, row)
        assert not tokens, f"not OData: {self.text}"
        return result


def event(number: int, body: str, day: str, **columns: Any) -> Row:
    """Return a row of /events as the API has it; `columns` are set on top."""
    return {
        "EventId": number,
        "EventGuid": f"00000000-0000-0000-0000-{number:012}",
        "EventBodyId": sum(map(ord, body)),
        "EventBodyName": body,
        "EventDate": f"{day}T00:00:00",
        "EventTime": "7:00 PM",
        "EventLocation": "Council Chambers",
        "EventAgendaFile": None,
        "EventMinutesFile": None,
        "EventAgendaLastPublishedUTC": None,
        "EventMinutesLastPublishedUTC": None,
        "EventLastModifiedUtc": f"{day}T09:00:00.1",
        "EventInSiteURL": f"https://millbrook.legistar.com/MeetingDetail.aspx?LEGID={number}&GID=1&G=0",
        "EventItems": [],
        **columns,
    }


def query(rows: Iterable[Row], query_string: str) -> list[Row]:
    """Answer a query; without $filter and $orderby the oldest come, as they were entered."""
    options = {name: values[0] for name, values in parse_qs(query_string).items()}
    unknown = set(options) - {"$filter", "$orderby", "$top", "$skip", "token"}
    assert not unknown, f"the API knows no {unknown}"
    condition = Filter(options["$filter"]) if "$filter" in options else None
    found = [row for row in rows if condition is None or condition.allows(row)]
    for column in reversed(options.get("$orderby", "").split(",")):
        if column:
            found.sort(key=lambda row: row[column])
    skip, top = int(options.get("$skip", 0)), int(options.get("$top", MOST_ROWS))
    return found[skip : skip + min(top, MOST_ROWS)]


def _either(tokens: list[str], row: Row) -> bool:
    result = _both(tokens, row)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        result = _both(tokens, row) or result
    return result


def _both(tokens: list[str], row: Row) -> bool:
    result = _one(tokens, row)
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        result = _one(tokens, row) and result
    return result


def _one(tokens: list[str], row: Row) -> bool:
    token = tokens.pop(0)
    if token == "(":
        result = _either(tokens, row)
        assert tokens.pop(0) == ")"
        return result
    match = _COMPARISON.fullmatch(token)
    assert match, f"not OData: {token}"
    value, literal = row[match[1]], match[3]
    if value is None:
        return False
    width = len(literal)
    left, right = str(value)[:width].ljust(width, "0"), literal
    return {"ge": left >= right, "gt": left > right, "le": left <= right, "lt": left < right, "eq": left == right}[
        match[2]
    ]
