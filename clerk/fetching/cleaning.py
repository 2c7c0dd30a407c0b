"""Clean the text that sources publish, once, where it enters."""

from __future__ import annotations

import unicodedata

#: Unicode categories that people cannot see: formats (zero-width, bidirectional, soft hyphen) and lone surrogates.
_INVISIBLE = frozenset({"Cf", "Cs"})


def clean(text: str) -> str:
    """Return a text in NFC, without invisible and control characters, with single spaces between its words."""
    visible = "".join(
        " " if category == "Cc" else character
        for character in text
        if (category := unicodedata.category(character)) not in _INVISIBLE
    )
    return " ".join(unicodedata.normalize("NFC", visible).split())
