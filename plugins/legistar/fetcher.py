"""The fetcher for Legistar, whichever way a city's meetings are to be had."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from urllib.parse import quote

from clerk.download import NotServed, Trouble
from clerk.errors import UsageError
from clerk.fetching.source import SourceFetcher
from clerk.fetching.sources import Meeting, Window
from clerk.fetching.state import stored_source
from plugins.legistar.api import WebApi, read_event
from plugins.legistar.insite import InSite

API, INSITE = "api", "insite"


class LegistarFetcher(SourceFetcher):
    """Needs `client` in the site's extra, or `calendar_url` where the pages have an address of their own.

    Also understood: `mode` ("api" or "insite"), `token` for a client that wants one, `api_url`.
    """

    source = "legistar"

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """List meetings and what was published for them."""
        if self.mode == API:
            return self.read_rows(self._api().rows(window), read_event)
        return InSite(self.visitor, self._calendar_url()).meetings(window)

    def source_id(self) -> str:
        """Return the way the meetings are had: their ids differ."""
        return f"{self.source} {self.mode}"

    @cached_property
    def mode(self) -> str:
        """How the meetings are had: as the site's extra says, as last time, else the API if it answers."""
        chosen = self.extra.get("mode") or (INSITE if not {"client", "api_url"} & self.extra.keys() else None)
        if chosen is None:
            known = (stored_source(self.state_path) or "").removeprefix(f"{self.source} ")
            chosen = known if known in (API, INSITE) else self._probe()
        if chosen not in (API, INSITE):
            raise UsageError(f'{self.subdomain}: the extra\'s mode is "{API}" or "{INSITE}", not {chosen!r}')
        return str(chosen)

    def _probe(self) -> str:
        try:
            self._api().probe()
        except (NotServed, Trouble) as error:
            if error.response is None:  # no answer at all tells nothing about the API
                raise
            self.logger.log(f"no Web API for us ({error}); using the calendar pages", level="warning")
            return INSITE
        return API

    def _api(self) -> WebApi:
        base = self.setting("api_url", lambda: f"https://webapi.legistar.com/v1/{quote(self.setting('client'))}")
        return WebApi(self.visitor, base, token=self.extra.get("token"))

    def _calendar_url(self) -> str:
        return self.setting("calendar_url", lambda: f"https://{self.setting('client')}.legistar.com/Calendar.aspx")
