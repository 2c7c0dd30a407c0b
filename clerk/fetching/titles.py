"""What sources call their documents, and which of them are packets: from the states between fetches."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from clerk.fetching.failure_notes import DocumentPlace
from clerk.fetching.fetch_state import FILE_NAME, FetchState, Record, kind_of_key, load_state
from clerk.fetching.layout import safe_name

_PACKET = "packet"

logger = logging.getLogger(__name__)


def document_titles(root: Path) -> dict[DocumentPlace, str]:
    """Return the titles of a site's documents, in the site's folder `root`, of those that have one."""
    return {
        _place(record, key): record.title
        for state in _states(root)
        for key, record in state.records.items()
        if record.title
    }


def packets(root: Path) -> dict[DocumentPlace, DocumentPlace]:
    """Return each packet with the document that it repeats: the meeting's main one of the same kind."""
    found = {}
    for state in _states(root):
        for key, record in state.records.items():
            kind = kind_of_key(key)
            event, _, part = key.rpartition(f"/{kind}/")
            main = state.records.get(f"{event}/{kind}")
            if main is not None and _PACKET in f"{part} {record.title or ''}".lower():
                found[_place(record, key)] = _place(main, f"{event}/{kind}")
    return found


def _place(record: Record, key: str) -> DocumentPlace:
    """Return a document's kind and the names of its folders."""
    kind, meeting, date = record.place(key)
    return kind, safe_name(meeting), safe_name(date)


def _states(root: Path) -> Iterator[FetchState]:
    """Read the state of each way in which documents were fetched; a damaged one is logged and left out."""
    stem, suffix = Path(FILE_NAME).stem, Path(FILE_NAME).suffix
    for path in sorted(root.glob(f"{stem}*{suffix}")):
        try:
            yield load_state(path)
        except ValueError as error:
            logger.warning("%s is damaged (%s): the titles in it are not known", path, error)
