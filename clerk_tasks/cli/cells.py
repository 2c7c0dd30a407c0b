"""The cells of a table: short local times, numbers to the right, and texts that fit the screen."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from clerk.visible import visible
from clerk_tasks.operations.wording import plain

#: The width of a table where no terminal says another.
WIDTH = 100
#: The columns that are never cut: other commands take what they hold.
_WHOLE = frozenset(("id", "job", "run", "last_run", "subdomain", "worker", "fingerprint", "queue", "state"))
#: The length to which a text is cut at most.
_SHORTEST = 8
#: Values that a table shows as JSON.
_NESTED = (dict, list, tuple)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00\Z")
_GAP = 2


def width() -> int:
    """Return how many characters a line may have."""
    return max(shutil.get_terminal_size((WIDTH, 24)).columns, 40)


def is_number(values: Sequence[Any]) -> bool:
    """Return whether a column holds numbers."""
    given = [value for value in values if value is not None]
    return bool(given) and all(map(_is_number, given))


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.endswith(" %")
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_time(value: Any) -> bool:
    """Return whether a value is a time, or the ISO 8601 of one."""
    return isinstance(value, datetime) or (isinstance(value, str) and _TIME.match(value) is not None)


def columns_to_cut(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[int]:
    """Return the numbers of the columns whose texts may be cut: not ids, not numbers, not times."""
    values = [[row.get(column) for row in rows] for column in columns]
    return [
        at
        for at, column in enumerate(columns)
        if column not in _WHOLE and not is_number(values[at]) and not any(map(is_time, values[at]))
    ]


def fitted(columns: Sequence[str], lines: Sequence[Sequence[str]], cut: Sequence[int], limit: int) -> list[list[str]]:
    """Return lines of cells, the longest texts of the columns `cut` cut until a line has `limit` characters."""
    widths = [max(len(name), *(len(line[at]) for line in lines)) for at, name in enumerate(columns)]
    while cut and sum(widths) + _GAP * (len(widths) - 1) > limit:
        widest = max(cut, key=lambda at: widths[at])
        if widths[widest] <= max(_SHORTEST, len(columns[widest])):
            break
        widths[widest] -= 1
    return [
        [cell if len(cell) <= size else f"{cell[: size - 1]}…" for cell, size in zip(line, widths, strict=True)]
        for line in lines
    ]


def text(value: Any, *, current: datetime | None = None) -> str:
    """Return a value as one line; a time is local, and short if `current` is given: the time of asking."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset) and not any(isinstance(each, _NESTED) for each in value):
        return ", ".join(text(each, current=current) for each in value) or "-"
    if isinstance(value, str) and is_time(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _time(value, current)
    if isinstance(value, _NESTED):
        value = json.dumps(value, default=plain, ensure_ascii=False)
    return "-" if value is None else visible(" ".join(str(plain(value)).split())) or "-"


def _time(moment: datetime, current: datetime | None) -> str:
    """Return a local time: of the last and next twelve hours only the time of day, of this year no year."""
    local = moment.astimezone()
    if current is None:
        return f"{local:%Y-%m-%d %H:%M:%S}"
    apart = abs((moment - current).total_seconds())
    if apart < 12 * 3600:
        return f"{local:%H:%M:%S}"
    return f"{local:%m-%d %H:%M}" if apart < 180 * 86400 else f"{local:%Y-%m-%d}"


def shortened(rows: Sequence[Mapping[str, Any]], short: Mapping[str, str], *names: str) -> list[dict[str, Any]]:
    """Return rows with short ids, in the columns of these names, for a table."""
    return [dict(row) | {name: short.get(row[name], row[name]) for name in names if row.get(name)} for row in rows]
