"""How answers say shares and lengths of time, for the command line and for the board."""

from __future__ import annotations

from typing import Any


def percent(value: float | None) -> str | None:
    """Return a share as people write it."""
    return None if value is None else f"{value:.0f} %"


def duration(seconds: float | None) -> str:
    """Return a length of time as people say it: 42 s, 5 min, 3 h, 12 d."""
    if seconds is None:
        return "never"
    whole = round(seconds)
    units = ((86400 * 2, 86400, "d"), (3600 * 2, 3600, "h"), (60 * 2, 60, "min"))
    return next((f"{whole // size} {unit}" for least, size, unit in units if whole >= least), f"{whole} s")


def counted(number: int, thing: str) -> str:
    """Return a number of things: `1 job`, `12 jobs`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}".replace(",", "\u202f")


def plain(value: Any) -> Any:
    """Return what JSON holds of a value that it does not know: of a time its ISO 8601."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
