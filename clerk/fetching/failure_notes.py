"""The notes beside a site's documents, failed/….json: why one could not be had or was given up, and by which job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clerk.fetching.layout import PREFIXES, Layout
from clerk.fsync import hash_file
from clerk.jobs import current_job

#: A document of a site: its kind, "minutes" or "agenda", its meeting, and its date as files are named.
Place = tuple[str, str, str]


def read_note(layout: Layout, place: Place) -> dict[str, Any]:
    """Return what is noted of a document; nothing if there is no note, or none that can be read."""
    try:
        known = json.loads(layout.failed(*place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write_note(layout: Layout, place: Place, facts: Mapping[str, Any]) -> None:
    """Note something of a document, in the place of what was noted before."""
    note = layout.failed(*place)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def note_download(layout: Layout, place: Place, *, reason: str, url: str) -> bool:
    """Note that a document could not be downloaded; return whether no earlier run has."""
    known, run_id = read_note(layout, place), current_job().run_id
    since = known.get("since", run_id)
    write_note(layout, place, known | {"reason": reason, "url": url, "run_id": run_id, "since": since})
    return bool(since == run_id)


def forget_download(layout: Layout, place: Place) -> None:
    """Remove the note of a document that could not be downloaded before."""
    if "url" in read_note(layout, place):
        layout.failed(*place).unlink(missing_ok=True)


def missed_download(layout: Layout, place: Place, run_id: str) -> dict[str, Any]:
    """Return the note on a document that this run could not download, if there is one."""
    known = read_note(layout, place)
    return known if known.get("url") and known.get("run_id") == run_id else {}


def missed_downloads(layout: Layout, run_id: str) -> dict[Place, str | None]:
    """Return the documents that this run could not download, each with the job that gave it up, if one has."""
    places = [
        (kind, note.parent.name, note.stem)
        for kind, prefix in PREFIXES.items()
        for note in sorted((layout.root / prefix / "failed").glob("*/*.json"))
    ]
    found = {place: missed_download(layout, place, run_id) for place in places}
    return {place: known.get("job_id") for place, known in found.items() if known}


def given_up_by(layout: Layout, place: Place) -> str | None:
    """Return the job that gave up reading exactly this PDF; None if none has."""
    known = read_note(layout, place)
    try:
        same = "sha256" in known and known["sha256"] == hash_file(layout.pdf(*place))
    except OSError:
        return None
    return str(known.get("job_id")) if same else None
