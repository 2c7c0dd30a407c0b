"""Addresses of our pages, every part encoded, and addresses that others gave."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode, urlsplit


def address(*parts: object, **query: object) -> str:
    """Return an address below ours, every part and parameter encoded; parameters without a value are left out."""
    path = "/" + "/".join(quote(str(part), safe="") for part in parts)
    given = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def web_address(text: object) -> str | None:
    """Return what a city or filer gave as an address if it is one of the web, else None."""
    if not isinstance(text, str) or re.search(r"[\s\x00-\x1f]", text):
        return None
    try:
        return text if urlsplit(text).scheme in ("http", "https") else None
    except ValueError:
        return None


def words(meeting: str) -> str:
    """Return the name of a body in words: "PlanningCommission" is "Planning Commission"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", meeting)
