"""The fetcher for Legistar, whichever way a city's meetings are to be had."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from clerk.errors import UsageError
from clerk.fetching.fetch_state import load_state
from clerk.fetching.listing import Meeting, Window
from clerk.fetching.source import SourceFetcher
from clerk.fetching.visitor import NotServed, Trouble
from plugins.legistar.api import WebApi, read_event
from plugins.legistar.insite import InSite, read_row

if TYPE_CHECKING:
    import httpx

API, INSITE = "api", "insite"

#: What the API answers to those that it is not for; for a client that it does not know, an error of the server.
NOT_FOR_US = frozenset({401, 403, 404, 500})


class LegistarFetcher(SourceFetcher):
    """Needs `client` in the site's extra, or `calendar_url` where the pages have an address of their own.

    Also understood: `mode` ("api" or "insite"), `token` for a client that wants one, `api_url`.
    """

    source = "legistar"

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """List meetings and what was published for them."""
        if self.mode == API:
            return self.read_rows(self._api().rows(window), read_event)
        return self.read_rows(InSite(self.visitor, self._calendar_url()).rows(window), read_row)

    def source_id(self) -> str:
        """Return the way the meetings are had: their ids differ."""
        return f"{self.source} {self.mode}"

    @property
    def state_path(self) -> Path:
        """The file of the state; each way has its own, since their numbers differ."""
        return self._state_path(self.mode)

    @cached_property
    def mode(self) -> str:
        """How meetings are listed: as the extra says, else as in earlier fetches, else by the API if it is for us."""
        chosen = self.extra.get("mode") or self._used_before()
        if chosen is None:
            chosen = self._probe() if {"client", "api_url"} & self.extra.keys() else INSITE
        if chosen not in (API, INSITE):
            raise UsageError(f'{self.subdomain}: the extra\'s mode is "{API}" or "{INSITE}", not {chosen!r}')
        return str(chosen)

    def _state_path(self, mode: str) -> Path:
        path = super().state_path
        return path if mode == API else path.with_stem(f"{path.stem}_{INSITE}")

    def _used_before(self) -> str | None:
        """Return the way of the last complete fetch: another way numbers meetings otherwise, and lists them twice."""
        runs = {}
        for mode in (API, INSITE):
            with suppress(ValueError):
                runs[mode] = load_state(self._state_path(mode), source=f"{self.source} {mode}").last_run
        done = {mode: run for mode, run in runs.items() if run is not None}
        return max(done, key=lambda mode: done[mode]) if done else None

    def _probe(self) -> str:
        try:
            self._api().probe()
        except (NotServed, Trouble) as error:
            if not _is_a_no(error.response):
                raise
            self.logger.log(f"no Web API for us ({error}); using the calendar pages", level="warning")
            return INSITE
        return API

    def _api(self) -> WebApi:
        base = self.setting("api_url", lambda: f"https://webapi.legistar.com/v1/{quote(self.setting('client'))}")
        return WebApi(self.visitor, base, token=self.extra.get("token"))

    def _calendar_url(self) -> str:
        return self.setting("calendar_url", lambda: f"https://{self.setting('client')}.legistar.com/Calendar.aspx")


def _is_a_no(response: httpx.Response | None) -> bool:
    """Return whether an answer means that the API is not for us: rather than busy, down, or not to be reached."""
    if response is None or "retry-after" in response.headers:
        return False
    return response.is_success or response.status_code in NOT_FOR_US  # a success without rows is a page for people
