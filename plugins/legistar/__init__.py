"""Agendas and minutes from Legistar: its Web API, or the calendar pages of InSite where the API is not for us."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl

if TYPE_CHECKING:
    from clerk.fetching.fetcher import Fetcher  # on demand: not every plugin fetches

LABEL = "legistar"


class LegistarPlugin:
    """Answers to the scraper label "legistar"."""

    @hookimpl
    def fetcher_class(self, label: str) -> Callable[..., Fetcher] | None:
        """Return the fetcher."""
        if label != LABEL:
            return None
        from plugins.legistar.fetcher import LegistarFetcher  # on demand: only where a site has this label

        return LegistarFetcher

    @hookimpl
    def fetcher_extra(self, label: str) -> dict[str, Any] | None:
        """Return what has to be filled in: the client is the name before .legistar.com."""
        return {"client": ""} if label == LABEL else None
