"""Notes on documents that could not be downloaded or read, in failed/….json: the reason, and the job that gave up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clerk.fetching.layout import PREFIXES, Layout
from clerk.fsync import hash_file
from clerk.jobs import current_job

#: A document of a site: its kind ("minutes" or "agenda"), its meeting, and its date as in file names.
DocumentPlace = tuple[str, str, str]


def read_note(layout: Layout, place: DocumentPlace) -> dict[str, Any]:
    """Return the note on a document; {} without one that can be read."""
    try:
        known = json.loads(layout.failed(*place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write_note(layout: Layout, place: DocumentPlace, facts: Mapping[str, Any]) -> None:
    """Replace the note on a document."""
    note = layout.failed(*place)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def note_download(layout: Layout, place: DocumentPlace, *, reason: str, url: str) -> bool:
    """Note that a document could not be downloaded; return whether this is the first run that notes it."""
    known, run_id = read_note(layout, place), current_job().run_id
    since = known.get("since", run_id)
    write_note(layout, place, known | {"reason": reason, "url": url, "run_id": run_id, "since": since})
    return bool(since == run_id)


def forget_download(layout: Layout, place: DocumentPlace) -> None:
    """Remove the note of a document that could not be downloaded before."""
    if "url" in read_note(layout, place):
        layout.failed(*place).unlink(missing_ok=True)


def missed_download(layout: Layout, place: DocumentPlace, run_id: str) -> dict[str, Any]:
    """Return the note on a document that this run could not download; {} without one."""
    known = read_note(layout, place)
    return known if known.get("url") and known.get("run_id") == run_id else {}


def owed_file(layout: Layout) -> Path:
    """Return the list of the documents that a fetcher's source has and that are not downloaded yet."""
    return layout.root / "owed.json"


def owed_documents(layout: Layout) -> list[DocumentPlace]:
    """Return the documents that were not downloaded or not read, in the order of their names."""
    try:
        listed = json.loads(owed_file(layout).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        listed = []
    return sorted({*_noted(layout), *((str(kind), str(meeting), str(date)) for kind, meeting, date in listed)})


def missed_downloads(layout: Layout, run_id: str) -> dict[DocumentPlace, str | None]:
    """Return {document: the job that gave it up, if any} of the documents that this run could not download."""
    found = {place: missed_download(layout, place, run_id) for place in _noted(layout)}
    return {place: known.get("job_id") for place, known in found.items() if known}


def _noted(layout: Layout) -> list[DocumentPlace]:
    return [
        (kind, note.parent.name, note.stem)
        for kind, prefix in PREFIXES.items()
        for note in sorted((layout.root / prefix / "failed").glob("*/*.json"))
    ]


def given_up_by(layout: Layout, place: DocumentPlace) -> str | None:
    """Return the job that gave up reading this very PDF, if any."""
    known = read_note(layout, place)
    try:
        same = "sha256" in known and known["sha256"] == hash_file(layout.waiting(*place))
    except OSError:
        return None
    return str(known.get("job_id")) if same else None
