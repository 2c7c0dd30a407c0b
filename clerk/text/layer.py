"""Return whether the text that a page carries is worth keeping, and tidy it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from string import ascii_lowercase

#: Characters, not counting spaces, above which a sane layer is taken for the whole page.
ENOUGH = 200

#: U+FFFE is how pdfium says "hyphen at the end of a line", mostly in place of the line's end.
_LINE_END = re.compile("\ufffe\n?")

#: Ligatures would hide words from a search.
_TIDY = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}

#: Rows of dots, lines and dashes: leaders of a table of contents, blanks to fill in.
_LEADERS = re.compile(r"([^\w\s]|_)(?:\s*\1){2,}")
_WORDS = re.compile(r"[^\W\d_]+")
_UNWRITTEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def tidy(text: str) -> str:
    """Give text plain line ends, whole ligatures and real hyphens; drop what no file should hold."""
    lines = _LINE_END.sub("-\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _UNWRITTEN.sub("", lines.translate(_TIDY))


def size(text: str) -> int:
    """Count the characters that are not spaces."""
    return len("".join(text.split()))


def words(text: str) -> int:
    """Count the words of at least two letters."""
    return sum(len(word) > 1 for word in _WORDS.findall(text))


def is_sane(text: str) -> bool:
    """Return whether text from a PDF reads as writing, of whatever language.

    Fonts without a mapping to Unicode (type 3 among them) give glyph numbers instead: private or unassigned
    characters, punctuation, letters all shifted alike. Some tools write every letter as a word.
    """
    chars = Counter("".join(_LEADERS.sub(r"\1", text).split()))
    return not chars or not (_is_unmapped(chars) or _is_mostly_signs(chars) or _is_shifted(chars) or _is_spaced(text))


def _is_unmapped(chars: Counter[str]) -> bool:
    unmapped = ("Cc", "Cn", "Co", "Cs")
    bad = sum(n for char, n in chars.items() if char == "\ufffd" or unicodedata.category(char) in unmapped)
    return bad > chars.total() * 0.1


def _is_mostly_signs(chars: Counter[str]) -> bool:
    return sum(n for char, n in chars.items() if char.isalnum()) < chars.total() * 0.5


def _is_shifted(chars: Counter[str]) -> bool:
    """Return whether Latin letters are there but hardly a vowel; English has 4 in 10, a shifted alphabet 1 or 2."""
    letters: Counter[str] = Counter()
    for char, n in chars.items():
        letters[unicodedata.normalize("NFD", char)[0].lower()] += n  # é counts as e
    vowels = sum(letters[vowel] for vowel in "aeiouy")
    latin = sum(letters[letter] for letter in ascii_lowercase)
    return latin >= 100 and vowels < latin * 0.2


def _is_spaced(text: str) -> bool:
    found = [word for word in _WORDS.findall(text) if word.isascii()]
    return len(found) >= 50 and sum(len(word) == 1 for word in found) > len(found) * 0.6
