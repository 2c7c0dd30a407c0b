"""What sources call their documents, and which of them are packets: from the states between fetches."""

from __future__ import annotations

from pathlib import Path

from clerk.fetching.failure_notes import DocumentPlace
from clerk.fetching.fetch_state import kind_of_key
from clerk.fetching.states import place_of, states

_PACKET = "packet"


def document_titles(root: Path) -> dict[DocumentPlace, str]:
    """Return the titles of a site's documents, in the site's folder `root`, of those that have one."""
    return {
        place_of(record, key): record.title
        for state in states(root)
        for key, record in state.records.items()
        if record.title
    }


def packets(root: Path) -> dict[DocumentPlace, DocumentPlace]:
    """Return each packet with the document that it repeats: the meeting's main one of the same kind."""
    found = {}
    for state in states(root):
        for key, record in state.records.items():
            kind = kind_of_key(key)
            event, _, part = key.rpartition(f"/{kind}/")
            main = state.records.get(f"{event}/{kind}")
            if main is not None and _PACKET in f"{part} {record.title or ''}".lower():
                found[place_of(record, key)] = place_of(main, f"{event}/{kind}")
    return found
