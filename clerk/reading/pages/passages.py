"""Passages of pages in which the words of a search are marked."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

#: What SQLite puts around a word that was found; characters of private use, which no text should have.
OPEN, CLOSE = "\ue000", "\ue001"

_MARKED = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")


def marked(text: str) -> Markup:
    """Return a passage escaped, with <mark> around what SQLite marked."""
    pieces = _MARKED.split(text)
    plain = [escape(piece.replace(OPEN, "").replace(CLOSE, "")) for piece in pieces]
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if place % 2 else piece for place, piece in enumerate(plain)
    )
