"""Documents that a city took back: marked with the day, and taken down if the operator wants it."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from clerk.fetching.failure_notes import DocumentPlace
from clerk.fetching.layout import PREFIXES, Layout
from clerk.jobs import current_job


def mark_withdrawn(layout: Layout, place: DocumentPlace, day: date) -> None:
    """Note that the source no longer lists a document; the first day that this was seen stays."""
    if not mark_of(layout, place):
        _write(layout, place, {"since": day.isoformat(), "taken_down": False})


def take_down(layout: Layout, place: DocumentPlace, day: date) -> bool:
    """Remove a document's files, and do not fetch it again; return whether it had any."""
    there = layout.exists(*place) or layout.text(*place).exists()
    _write(layout, place, {"since": day.isoformat(), **mark_of(layout, place), "taken_down": True})
    remove_files(layout, place)
    return there


def unmark(layout: Layout, place: DocumentPlace) -> None:
    """Forget that a document was withdrawn: the source lists it again."""
    layout.withdrawn(*place).unlink(missing_ok=True)


def is_taken_down(layout: Layout, place: DocumentPlace) -> bool:
    """Return whether a document was taken down."""
    return bool(mark_of(layout, place).get("taken_down"))


def mark_of(layout: Layout, place: DocumentPlace) -> dict[str, Any]:
    """Return the mark of a withdrawn document: `since`, a day, and `taken_down`; {} without one."""
    try:
        known = json.loads(layout.withdrawn(*place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def withdrawn_documents(layout: Layout) -> dict[DocumentPlace, dict[str, Any]]:
    """Return the withdrawn documents of a site with their marks, by name."""
    places = [
        (kind, path.parent.name, path.stem)
        for kind, prefix in PREFIXES.items()
        for path in sorted((layout.root / prefix / "withdrawn").glob("*/*.json"))
    ]
    return {place: mark_of(layout, place) for place in places}


def remove_files(layout: Layout, place: DocumentPlace) -> None:
    """Remove a document's file, text, images and notes, if this attempt still owns the job."""
    with current_job().fence():
        for file in (
            *layout.every_format(*place),
            layout.processed(*place),
            layout.failed(*place),
            layout.origin(*place),
        ):
            file.unlink(missing_ok=True)
        for folder in (layout.text(*place), layout.images(*place)):
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)


def _write(layout: Layout, place: DocumentPlace, mark: dict[str, Any]) -> None:
    path: Path = layout.withdrawn(*place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(mark), encoding="utf-8")
