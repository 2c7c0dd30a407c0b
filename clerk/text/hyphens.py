"""Words that a typesetter broke at the end of a line, put together so that a search finds them."""

from __future__ import annotations

import re

#: Hyphens that only mark a break: the soft hyphen, and the sign that some fonts have in its place.
_SOFT = "\u00ad\u00ac"

_AT_LINE_END = re.compile(rf"[-\u2010{_SOFT}][ \t]*\n")
_BREAK = re.compile(
    rf"(?P<first>[^\W\d_]+)(?P<hyphen>[-\u2010{_SOFT}])[ \t]*\n(?:[ \t]*\n)?[ \t]*"
    r"(?P<second>[^\W\d_]+)(?P<after>[^\w\s]*)(?P<end>[ \t]*\n?)"
)

#: The end of a page that breaks a word, perhaps above a line with the page's number; and the start of one.
_AT_PAGE_END = re.compile(
    rf"[^\W\d_][-\u2010{_SOFT}][ \t]*"
    r"(?P<below>\s*(?:\n[ \t]*(?:page[ \t]+)?\W{0,3}\d+(?:[ \t]*(?:of|/)[ \t]*\d+)?\W*)?)\Z",
    re.IGNORECASE,
)
_AT_PAGE_START = re.compile(r"\s*(?P<rest>[^\W\d_]+[^\w\s-]*)(?=\s|\Z)")

#: Parts that keep their hyphen where a line does not break, before it and after it.
_FIRST = frozenset({"all", "ex", "half", "self", "well"})
_SECOND = frozenset(
    {
        *("at", "based", "by", "day", "elect", "family", "foot", "free", "going", "hand", "high", "hour", "in"),
        *("inch", "income", "level", "line", "long", "low", "mile", "minute", "month", "off", "on", "out"),
        *("owned", "person", "point", "related", "rise", "round", "site", "sized", "story", "term", "time", "to"),
        *("up", "use", "way", "week", "wide", "year"),
    }
)


def rejoined(text: str) -> str:
    """Return a text with words that go on in the next line whole at the end of the first.

    A hyphen that belongs to the word stays: it is soft in no font, and the page has the word with it elsewhere, or it
    is one of the common compounds.
    """
    if not _AT_LINE_END.search(text):
        return text.replace("\u00ad", "")
    whole = frozenset(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)+", text.lower()))

    def join(match: re.Match[str]) -> str:
        first, hyphen, second = match["first"], match["hyphen"], match["second"]
        after = match["after"] + ("\n" if match.end() < len(text) or match["end"] else "")
        if hyphen not in _SOFT:
            if not (second.islower() or (first.isupper() and second.isupper() and len(first) > 1)):
                return match[0]  # Garcia-Thompson
            if f"{first}-{second}".lower() in whole or first.lower() in _FIRST or second.lower() in _SECOND:
                return f"{first}-{second}{after}"
        return f"{first}{second}{after}"

    before = ""
    while before != text:  # a word may be broken twice
        before, text = text, _BREAK.sub(join, text)
    return text.replace("\u00ad", "")


def rejoined_across(first: str, second: str) -> tuple[str, str]:
    """Return the texts of two pages with a word that goes on from the first to the second whole on the first.

    Below the word, the first page may have a line with its number.
    """
    end, start = _AT_PAGE_END.search(first), _AT_PAGE_START.match(second)
    if end is None or start is None:
        return first, second
    whole = rejoined(f"{first[: end.start('below')]}\n{start['rest']}")
    if whole.endswith(f"\n{start['rest']}"):
        return first, second
    return whole + end["below"], second[start.end() :].lstrip(" \t\n")
