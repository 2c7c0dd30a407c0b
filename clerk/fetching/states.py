"""The states that a site's fetchers left between two fetches, and the place of each document in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from clerk.fetching.failure_notes import DocumentPlace
from clerk.fetching.fetch_state import FILE_NAME, FetchState, Record, load_state
from clerk.fetching.layout import safe_name

logger = logging.getLogger(__name__)


def place_of(record: Record, key: str) -> DocumentPlace:
    """Return a document's kind and the names of its folders."""
    kind, meeting, date = record.place(key)
    return kind, safe_name(meeting), safe_name(date)


def states(root: Path) -> Iterator[FetchState]:
    """Read the state of each way in which documents were fetched; a damaged one is logged and left out."""
    stem, suffix = Path(FILE_NAME).stem, Path(FILE_NAME).suffix
    for path in sorted(root.glob(f"{stem}*{suffix}")):
        try:
            yield load_state(path)
        except ValueError as error:
            logger.warning("%s is damaged (%s): the titles in it are not known", path, error)
