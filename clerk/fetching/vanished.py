"""What a source listed before and lists no longer: entered again, moved, or taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

from clerk.fetching.fetch_state import FetchState, Record
from clerk.fetching.layout import safe_name
from clerk.fetching.listing import Meeting, Window


def day_of(record: Record) -> date | None:
    """Return the day of a document; None if its name has none."""
    try:
        return date.fromisoformat(record.where.rpartition("/")[2][:10])
    except ValueError:
        return None


def take_over(state: FetchState, meetings: Sequence[Meeting], window: Window) -> None:
    """Give a meeting with a new id the names and records of one of its body and day that is no longer listed."""
    listed = {meeting.event_id for meeting in meetings}
    for meeting in meetings:
        ids = state.events.get(f"{safe_name(meeting.body)}/{meeting.day.isoformat()}", [])
        if meeting.event_id in ids or meeting.day not in window:
            continue
        gone = next((known for known in ids if known not in listed and _has_records(state, known)), None)
        if gone is not None:
            _rename(state, ids, gone, meeting.event_id)


def vanished(state: FetchState, listed: Collection[str], window: Window) -> list[str]:
    """Return the keys of the records of the window that are not listed."""
    days = {key: day_of(record) for key, record in state.records.items() if key not in listed}
    return [key for key, day in days.items() if day is not None and day in window]


def _has_records(state: FetchState, event_id: str) -> bool:
    return any(key in state.records for key in (f"{event_id}/minutes", f"{event_id}/agenda"))


def _rename(state: FetchState, ids: list[str], old: str, new: str) -> None:
    ids[:] = [
        new if known == old else new + known.removeprefix(old) if known.startswith(f"{old}/") else known
        for known in ids
    ]
    for key in [key for key in state.records if key.startswith((f"{old}/minutes", f"{old}/agenda"))]:
        state.records[key.replace(old, new, 1)] = replace(state.records.pop(key), version=None)
