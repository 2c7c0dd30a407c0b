"""Where documents are from: their address, their meeting's, and the body's name, in origins/….json beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from clerk.compilation.citations import Origin
from clerk.fetching.cleaning import clean
from clerk.fetching.failure_notes import DocumentPlace
from clerk.fetching.fetch_state import FetchState, kind_of_key
from clerk.fetching.layout import PREFIXES, Layout, safe_name
from clerk.fetching.states import place_of, states
from clerk.fetching.withdrawal import withdrawn_documents
from clerk.redaction import redact

#: What a note says of a document.
_NOTED = ("url", "meeting_url", "body")


def note_origin(layout: Layout, place: DocumentPlace, **facts: str | None) -> None:
    """Note the `url` of a document, its `meeting_url` and its `body` in words; what is known already stays.

    Readers see it: an address that is not of the web is left out, and what gives access in one is replaced by ***.
    """
    note = layout.origin(*place)
    known = _read(note)
    said = known | {name: fact for name in _NOTED if (fact := _publishable(name, facts.get(name)))}
    if said != known:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


def origins_of(root: Path) -> dict[DocumentPlace, Origin]:
    """Return what is known of the documents of a site, in the site's folder `root`."""
    layout = Layout(root)
    found = {
        (kind, note.parent.name, note.stem): Origin(**_read(note))
        for kind, prefix in PREFIXES.items()
        for note in sorted((root / prefix / "origins").glob("*/*.json"))
    }
    for state in states(root):
        for key, record in state.records.items():
            place = place_of(record, key)
            known = found.get(place, Origin())
            found[place] = replace(known, title=record.title, meeting=_folder_of_meeting(state, key, place))
    for place, mark in withdrawn_documents(layout).items():
        found[place] = replace(found.get(place, Origin()), withdrawn=mark.get("since"))
    return found


def _folder_of_meeting(state: FetchState, key: str, place: DocumentPlace) -> str | None:
    """Return the folder of the main documents of a document's meeting; None if its state does not know it.

    An addendum of the only meeting of a day is in the folder ….2, as are the documents of a second meeting.
    """
    _kind, meeting, folder = place
    day = folder.split(".")[0]
    events = state.events.get(f"{safe_name(meeting)}/{day}", [])
    event = f"{key}/".partition(f"/{kind_of_key(key)}/")[0]
    if event not in events:
        return None
    number = events.index(event) + 1
    return day if number == 1 else f"{day}.{number}"


def _publishable(name: str, fact: str | None) -> str | None:
    fact = clean(fact or "")
    if name == "body":
        return fact
    return redact(fact) if fact.lower().startswith(("http://", "https://")) else None


def _read(note: Path) -> dict[str, str]:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, Mapping):
        return {}
    return {name: known[name] for name in _NOTED if isinstance(known.get(name), str)}
