"""Tell whether the text that a page carries is worth keeping, and tidy it."""

from __future__ import annotations

import re
import unicodedata

#: Characters, not counting spaces, above which a sane layer is taken for the whole page.
ENOUGH = 200

#: U+FFFE is how pdfium says "hyphen at the end of a line"; ligatures would hide words from a search.
_TIDY = {0xFFFE: "-", **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}}

#: Rows of dots, lines and dashes: leaders of a table of contents, blanks to fill in.
_LEADERS = re.compile(r"([^\w\s]|_)(?:\s*\1){2,}")
_WORDS = re.compile(r"[^\W\d_]+")
_ASCII_LETTERS = re.compile(r"[a-z]")
_VOWELS = re.compile(r"[aeiouy]")


def tidy(text: str) -> str:
    """Give text plain line ends, whole ligatures and real hyphens; drop what no file should hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TIDY)
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def size(text: str) -> int:
    """Count the characters that are not spaces."""
    return len("".join(text.split()))


def words(text: str) -> int:
    """Count the words of at least two letters."""
    return sum(len(word) > 1 for word in _WORDS.findall(text))


def is_sane(text: str) -> bool:
    """Tell whether text from a PDF reads as writing, of whatever language.

    Fonts without a mapping to Unicode (type 3 among them) give glyph numbers instead: private or unassigned
    characters, punctuation, letters all shifted alike. Some tools write every letter as a word.
    """
    dense = "".join(_LEADERS.sub(r"\1", text).split())
    return not dense or not (_is_unmapped(dense) or _is_mostly_signs(dense) or _is_shifted(dense) or _is_spaced(text))


def _is_unmapped(dense: str) -> bool:
    bad = sum(unicodedata.category(char) in ("Cc", "Cn", "Co", "Cs") or char == "\ufffd" for char in dense)
    return bad > len(dense) * 0.1


def _is_mostly_signs(dense: str) -> bool:
    return sum(char.isalnum() for char in dense) < len(dense) * 0.5


def _is_shifted(dense: str) -> bool:
    """Tell whether Latin letters are there but hardly a vowel; English has 4 in 10, a shifted alphabet 1 or 2."""
    plain = unicodedata.normalize("NFD", dense).lower()
    letters = _ASCII_LETTERS.findall(plain)
    return len(letters) >= 100 and len(_VOWELS.findall(plain)) < len(letters) * 0.2


def _is_spaced(text: str) -> bool:
    found = [word for word in _WORDS.findall(text) if word.isascii()]
    return len(found) >= 50 and sum(len(word) == 1 for word in found) > len(found) * 0.6
