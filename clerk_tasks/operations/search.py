"""Find what a word means: a site, a job or a run, by its name, its id or the beginning of its id."""

from __future__ import annotations

from clerk.database.transactions import reading
from clerk.sites.rows import get_site_by_subdomain
from clerk_tasks.ledger.short_ids import FEWEST, beginning_with

_KINDS = ("job", "run")


def find(text: str) -> tuple[str, str]:
    """Return `site`, `job` or `run` with the name or whole id; two empty texts where nothing or several things fit."""
    with reading() as connection:
        if get_site_by_subdomain(connection, text) is not None:
            return "site", text
        for kind in _KINDS if len(text) >= FEWEST else ():
            found = beginning_with(connection, text, of=kind)
            if len(found) == 1 or text in found:
                return kind, text if text in found else found[0]
    return "", ""
