"""Agendas and minutes from the AgendaCenter of CivicPlus websites."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl

if TYPE_CHECKING:
    from clerk.fetching.fetcher import Fetcher  # on demand: not every plugin fetches

LABEL = "agendacenter"


class AgendaCenterPlugin:
    """Answers to the scraper label "agendacenter"."""

    @hookimpl
    def fetcher_class(self, label: str) -> Callable[..., Fetcher] | None:
        """Return the fetcher."""
        if label != LABEL:
            return None
        from plugins.agendacenter.fetcher import AgendaCenterFetcher  # on demand: only where a site has this label

        return AgendaCenterFetcher

    @hookimpl
    def fetcher_extra(self, label: str) -> dict[str, Any] | None:
        """Return what has to be filled in: the address of the city's website."""
        return {"base_url": ""} if label == LABEL else None
