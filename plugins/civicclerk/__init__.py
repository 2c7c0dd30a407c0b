"""Agendas and minutes from CivicClerk, the portal of CivicPlus; also what is called CivicText."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl

if TYPE_CHECKING:
    from clerk.fetching.fetcher import Fetcher  # on demand: not every plugin fetches

LABELS = ("civicclerk", "civictext")


class CivicClerkPlugin:
    """Answers to the scraper labels "civicclerk" and "civictext"."""

    @hookimpl
    def fetcher_class(self, label: str) -> Callable[..., Fetcher] | None:
        """Return the fetcher."""
        if label not in LABELS:
            return None
        from plugins.civicclerk.fetcher import CivicClerkFetcher  # on demand: only where a site has this label

        return CivicClerkFetcher

    @hookimpl
    def fetcher_extra(self, label: str) -> dict[str, Any] | None:
        """Return what has to be filled in: the tenant is the name before .portal.civicclerk.com."""
        return {"tenant": ""} if label in LABELS else None
