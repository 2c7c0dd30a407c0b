"""A plugin that supplies one fetcher."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pkgutil import resolve_name
from typing import Any, ClassVar

from clerk.hookspecs import hookimpl


class FetcherPlugin:
    """Supplies the fetcher of some scraper labels; it is imported when a site has one of them."""

    labels: ClassVar[Collection[str]]
    fetcher: ClassVar[str]  # MODULE:CLASS
    extra: ClassVar[Collection[str]]  # the keys of a new site's extra that have to be filled in

    @hookimpl
    def fetcher_class(self, label: str) -> Callable[..., Any] | None:
        """Return the fetcher."""
        return resolve_name(self.fetcher) if label in self.labels else None

    @hookimpl
    def fetcher_extra(self, label: str) -> dict[str, Any] | None:
        """Return the extra of a new site, its values empty."""
        return dict.fromkeys(self.extra, "") if label in self.labels else None
