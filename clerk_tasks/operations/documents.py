"""List a site's documents that are owed or withdrawn, fetch one again, or take one down."""

from __future__ import annotations

from typing import Any

from clerk.database.transactions import reading
from clerk.errors import NotFoundError
from clerk.fetching.failure_notes import DocumentPlace, owed_documents, read_note
from clerk.fetching.layout import PREFIXES, Layout
from clerk.fetching.titles import document_titles
from clerk.fetching.withdrawal import mark_of, take_down, unmark, withdrawn_documents
from clerk.paths import site_dir
from clerk.sites.local_time import local_time
from clerk.sites.rows import require_site
from clerk_tasks.dispatcher import Enqueued
from clerk_tasks.operations.updates import update_meetings


def list_documents(subdomain: str, *, every: bool = False) -> list[dict[str, Any]]:
    """Return the owed and the withdrawn documents of a site, with `every` also those that wait or were read.

    Raises NotFoundError for an unknown site.
    """
    layout, _site = _layout(subdomain)
    states = {place: ("owed", str(read_note(layout, place).get("reason", ""))) for place in owed_documents(layout)}
    for place, mark in withdrawn_documents(layout).items():
        states[place] = ("taken down" if mark.get("taken_down") else "withdrawn", f"since {mark.get('since')}")
    if every:
        waiting = {(kind, file.parent.name, file.stem) for kind in PREFIXES for file in layout.all_waiting(kind)}
        read = {(kind, text.parent.name, text.name) for kind in PREFIXES for text in layout.all_read(kind)}
        for place in sorted(waiting | read):
            states.setdefault(place, ("waiting" if place in waiting else "read", ""))
    titles = document_titles(layout.root)
    return [_row(place, *state, titles.get(place, "")) for place, state in states.items()]


def refetch(subdomain: str, place: DocumentPlace) -> Enqueued:
    """Enqueue an update that downloads one document again, even if it is there or was taken down."""
    layout, _site = _layout(subdomain)
    layout.pdf(*place)  # the kind is known, and the names are possible
    unmark(layout, place)
    day = place[2][:10]
    return update_meetings(subdomain, start_date=day, end_date=day, all_agendas=True, again=[list(place)])


def withdraw(subdomain: str, place: DocumentPlace) -> Enqueued:
    """Take a document down, and enqueue the compilation and publication without it.

    Raises NotFoundError if there is no such document.
    """
    layout, site = _layout(subdomain)
    there = layout.exists(*place) or layout.text(*place).exists()
    if not there and not mark_of(layout, place):
        raise NotFoundError(f"Site {subdomain} has no document {'/'.join(place)}.")
    take_down(layout, place, local_time(site).date())
    return update_meetings(subdomain, start="compilation")


def _layout(subdomain: str) -> tuple[Layout, dict[str, Any]]:
    with reading() as connection:
        return Layout(site_dir(subdomain)), require_site(connection, subdomain)


def _row(place: DocumentPlace, state: str, reason: str, title: str) -> dict[str, Any]:
    kind, meeting, date = place
    return {"kind": kind, "meeting": meeting, "date": date, "title": title, "state": state, "reason": reason}
