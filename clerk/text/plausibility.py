"""How much a text reads like writing, and what to keep where the layer of a page and the OCR engine disagree."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

#: The plausible share of words below which a text is noise; below which it is good enough to be kept unexamined; and
#: which an engine's text must have to be believed, though the layer is in a script that the text lacks.
NOISE, GOOD, _OF_ANOTHER_SCRIPT = 0.5, 0.7, 0.9

#: What the engine's own confidence must be. It is 0.2 to 0.5 for scripts that it does not know, 0.85 for a fair scan.
_CONFIDENT = 0.6

#: Letters from which a layer has a script, and words from which it has a quality.
_LETTERS = 20

#: What a line must have to be taken over from the text that was not chosen, unless that is known to be good.
_PLAUSIBLE_LINE = 0.8
_WORDS_OF_LINE = 2

#: The share of a line's words that the other text has, from which the line is in it already.
_KNOWN = 0.6

#: Scripts that write words without spaces; two of their letters count as a word.
_UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"})

_VOWELS = frozenset("aeiouy")
#: Words of one or two letters in the languages of cities' documents here, and abbreviations.
_SHORT = frozenset(
    {
        *("a", "ad", "ag", "al", "am", "an", "as", "at", "au", "aux", "be", "by", "ca", "co", "da", "de", "di"),
        *("do", "dr", "du", "e", "ed", "el", "em", "en", "es", "et", "eu", "ex", "go", "he", "i", "id", "if"),
        *("ii", "il", "in", "is", "it", "iv", "ix", "ja", "je", "jr", "la", "le", "lo", "me", "mi", "mr", "ms"),
        *("mu", "my", "ne", "no", "nr", "ny", "o", "of", "oh", "ok", "on", "or", "os", "ou", "pm", "po", "re"),
        *("se", "si", "so", "sr", "st", "su", "te", "ti", "to", "tu", "u", "um", "un", "up", "us", "va", "ve"),
        *("vi", "vs", "we", "xi", "y", "ya", "yo", "à", "é"),
    }
)
_EDGES = re.compile(r"^\W+|[\W_]+$")
_INSIDE = re.compile(r"['\u2019\-\u2010/.&@]")


def plausibility(text: str) -> float:
    """Return the share of words that can be words of a language, by their letters; 0 without any.

    Figures count for nothing.
    """
    good, bad = _counted(text)
    return good / (good + bad) if good else 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What an engine saw on a page, its confidence from 0 to 1 if it gives one, and the lines that it doubts."""

    text: str
    confidence: float | None = None
    doubtful: frozenset[str] = frozenset()

    def changed(self, change: Callable[[str], str]) -> Seen:
        """Return the same with a change to all its text."""
        return Seen(change(self.text), self.confidence, frozenset(map(change, self.doubtful)))


def is_poor(text: str) -> bool:
    """Return whether a layer of some words is hardly writing, as from a poor reading of a scan."""
    good, bad = _counted(text)
    return good + bad >= _LETTERS and good < GOOD * (good + bad)


def combined(layer: str, seen: Seen) -> tuple[str, bool]:
    """Return the better of a sane layer and what an engine saw, and whether any of it is the engine's.

    Lines that only the other text has are put below it.
    """
    if _is_noise(layer, seen) or _score(seen.text) < _score(layer):
        lines = [line for line in seen.text.splitlines() if line.strip() not in seen.doubtful]
        more = [line for line in _only_in(lines, layer) if _reads_like_writing(line)]
        return "\n".join([layer.rstrip("\n"), *more]) if more else layer, bool(more)
    is_good = plausibility(layer) >= GOOD
    more = [line for line in _only_in(layer.splitlines(), seen.text) if is_good or _reads_like_writing(line)]
    return "\n".join([seen.text.rstrip("\n"), *more]), True


def _is_noise(layer: str, seen: Seen) -> bool:
    """Return whether the engine saw what is no writing, or a script that it does not know."""
    share = plausibility(seen.text)
    if share < NOISE or (seen.confidence is not None and seen.confidence < _CONFIDENT):
        return True
    (main, letters), *_ = _scripts(layer).most_common(1) or [("", 0)]
    return letters >= _LETTERS and main not in _scripts(seen.text) and share < _OF_ANOTHER_SCRIPT


def _scripts(text: str) -> Counter[str]:
    return Counter(script(char) for char in text if char.isalpha())


def _score(text: str) -> float:
    """Return how many words are plausible, and less where many others are not."""
    return _counted(text)[0] * plausibility(text)


def _reads_like_writing(line: str) -> bool:
    return len(_words(line)) >= _WORDS_OF_LINE and plausibility(line) >= _PLAUSIBLE_LINE


def _only_in(lines: list[str], other: str) -> list[str]:
    """Return the lines whose words the other text lacks."""
    known = frozenset(_words(other))
    return [
        line.strip()
        for line, words in ((line, _words(line)) for line in lines)
        if words and sum(word in known for word in words) < len(words) * _KNOWN
    ]


def _words(text: str) -> list[str]:
    """Return words in small letters; of scripts without spaces, letters."""
    found: list[str] = []
    for word in re.findall(r"[^\W_]+", text.lower()):
        found.extend(word if script(word[0]) in _UNSPACED else [word])
    return found


def _counted(text: str) -> tuple[float, int]:
    """Return how many words are plausible, and how many are not."""
    good, bad = 0.0, 0
    for part in text.split():
        word = _EDGES.sub("", part)
        letters = sum(char.isalpha() for char in word)
        if letters == 0:
            bad += len(part) > 1 and not any(char.isdigit() for char in part) and len(set(part)) > 1
        elif script(next(char for char in word if char.isalpha())) in _UNSPACED:
            good += letters / 2
        elif letters * 2 > len(word) and not any(char.isdigit() for char in word):
            pieces = [piece for piece in _INSIDE.split(word) if piece]
            plausible = all(map(_is_word, pieces))
            good, bad = good + plausible, bad + (not plausible)
    return good, bad


def _is_word(word: str) -> bool:
    if not word.isalpha():
        return False
    if script(word[0]) != "LATIN":
        return len({script(char) for char in word}) == 1
    plain = unicodedata.normalize("NFD", word.lower())
    if len(word) < 3:
        return word.lower() in _SHORT
    is_cased = word.islower() or word.isupper() or word[0].isupper()
    in_turn = max(len(match[0]) for match in re.finditer(r"(.)\1*", plain))
    has_both = not _VOWELS.isdisjoint(plain) and not _VOWELS.issuperset(plain)
    return is_cased and has_both and in_turn < 3 and len(word) < 30


@lru_cache(maxsize=4096)
def script(char: str) -> str:
    """Return the script of a letter by the first word of its name: LATIN, CJK, CYRILLIC."""
    return unicodedata.name(char, "UNKNOWN").partition(" ")[0]
