"""Show what strangers wrote without obeying it: a control character in a page's title must not steer a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

#: Controls of terminals (C0, DEL, C1), of the direction of text, of lines, and halves of characters; not the tab.
_CONTROLS = "\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_UNSEEN = re.compile(f"[{_CONTROLS}\U000e0000-\U000e007f]")


def visible(text: str) -> str:
    r"""Return text as one line, its control characters as escapes: `\x1b`, `\n`, `\u202e`."""
    if text.isprintable():  # nearly every line is, and the question takes a tenth of the search's time
        return text
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible_lines(text: str, *, indent: str = "") -> str:
    """Return text of several lines, each visible; `indent` begins those after the first."""
    return f"\n{indent}".join(map(visible, text.split("\n")))


def visible_json(
    value: Any, *, encoding: str = "utf-8", default: Callable[[Any], Any] = str, indent: int | None
) -> str:
    """Return a value as JSON that is harmless on a terminal, in letters that an encoding has."""
    text = json.dumps(value, default=default, indent=indent, ensure_ascii=False)
    try:
        text.encode(encoding, errors="surrogatepass")
    except (UnicodeError, LookupError):
        text = json.dumps(value, default=default, indent=indent)
    return _UNSEEN.sub(_escape_json, text)


def _escape_json(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", errors="surrogatepass")
    if found[0] == "\n":  # between two values: inside of one it is escaped already
        return found[0]
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
