"""The notes beside a site's documents, failed/….json: why one was given up, and by which job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clerk.fetching.layout import Layout

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


def given_up_by(layout: Layout, place: Place) -> str | None:
    """Return the job that gave up reading exactly this PDF; None if none has."""
    from clerk.text.intake import hash_file

    known = read_note(layout, place)
    try:
        same = "sha256" in known and known["sha256"] == hash_file(layout.pdf(*place))
    except OSError:
        return None
    return str(known.get("job_id")) if same else None
