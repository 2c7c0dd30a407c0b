"""Read durations and times as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from clerk.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
#: The longest duration, in seconds.
LONGEST_DURATION = 10 * 365 * 86_400.0


def parse_duration(text: str) -> float:
    """Return the seconds of `90s`, `10m`, `2h`, `1h30m`, `7d` or `1w`; UsageError for other text, 0 and ten years."""
    written = text.strip().lower()
    if _DURATION.fullmatch(written):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)([smhdw])", written))
        if 0 < seconds < LONGEST_DURATION:
            return seconds
    raise UsageError(f"{text!r} is no duration: write 90s, 10m, 2h, 1h30m, 7d or 1w")


def parse_time(text: str) -> datetime:
    """Return the UTC time of an ISO 8601 text, local time without a zone; UsageError if it is not one, or is past."""
    try:
        written = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is not a time: write 2026-12-01T18:30, or with a zone 2026-12-01T18:30+00:00"
        ) from None
    now = datetime.now(UTC)
    # The system may know no local time of a year that is far away.
    is_near = abs(written.year - now.year) < 12
    moment = written.astimezone(UTC) if is_near else written.replace(tzinfo=UTC)
    if moment <= now:
        raise UsageError(f"{text} is past")
    if (moment - now).total_seconds() > LONGEST_DURATION:
        raise UsageError(f"{text} is more than ten years away")
    return moment


def seconds_until(after: str | None, at: str | None, *, names: tuple[str, str]) -> float | None:
    """Return the seconds from now that a duration or a time says, None for neither; UsageError for both.

    `names` are the names of the two options.
    """
    if after is not None and at is not None:
        raise UsageError(f"Give {names[0]} or {names[1]}, not both.")
    if after is not None:
        return parse_duration(after)
    return None if at is None else max((parse_time(at) - datetime.now(UTC)).total_seconds(), 0.0)
