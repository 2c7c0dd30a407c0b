"""The base class of fetchers for a system that many cities use: a subclass lists meetings, this downloads the files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, ClassVar

from clerk.errors import UsageError
from clerk.fetching.addresses import configured
from clerk.fetching.collector import Collector
from clerk.fetching.fetch_state import FILE_NAME, FetchState, load_state
from clerk.fetching.fetcher import Fetcher
from clerk.fetching.layout import safe_name
from clerk.fetching.listing import Meeting, Window
from clerk.fetching.report import FetchReport
from clerk.fetching.visitor import NotServed, Trouble, VisitLimits, Visitor
from clerk.jobs import Discard, Retry
from clerk.plugin.source_place import place_of_error
from clerk.settings import settings

#: How far before the last fetch a query for changes begins: sources publish late, and clocks differ.
OVERLAP = timedelta(days=3)


class SourceFetcher(Fetcher):
    """Lists a site's meetings by `meetings(window)`, then downloads each document that is new or has changed.

    The site's `extra` configures it: what the source needs, `limits` (of `clerk.fetching.visitor.VisitLimits`, such as
    `{"pause": 2}`), `user_agent` and `ignore_robots`.
    """

    #: The name of the system.
    source: ClassVar[str]
    #: How far back meetings are listed again: files of older meetings rarely appear or change.
    lookback: ClassVar[timedelta] = timedelta(days=365)

    #: Whether to ask at once for everything that is owed.
    owed_now: bool = False

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """List the meetings of the window; raise Trouble or NotServed if that is impossible."""
        raise NotImplementedError("Subclasses must implement meetings()")

    def read_rows(self, rows: Iterable[Any], read: Callable[[Any], Meeting]) -> Iterator[Meeting]:
        """Read a source's rows as meetings; leave out, count and log those that cannot be read.

        Raises NotServed if none of them can be read.
        """
        left_out = read_rows = 0
        for row in rows:
            try:
                meeting = read(row)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                why = f"{type(error).__name__}: {error}, {place_of_error(error)}"
                text = f"a row of the list is left out ({why}): {row!r:.200}"
                self.logger.log(text, level="warning")
                left_out += 1
            else:
                read_rows += 1
                yield meeting
        self.report.left_out += left_out
        if left_out and not read_rows:
            raise NotServed(f"cannot read any of the {left_out} rows of its list: {text}")

    def fetch_events(self) -> FetchReport:
        """Download what is new; Retry if the source is down or cannot be listed now; Discard if it never can."""
        try:
            return self._fetch_events()
        except Trouble as error:
            raise Retry(f"{self.subdomain}: {error}", after=error.after) from error
        except NotServed as error:
            raise Discard(f"{self.subdomain}: its meetings cannot be listed: {error}") from error
        finally:
            if "visitor" in vars(self):
                self.visitor.close()

    def _fetch_events(self) -> FetchReport:
        began = datetime.now(UTC)
        state = self._load_state()
        self.report, window = FetchReport(), self.window(state)
        meetings = self._list(window)
        collector = Collector(
            self.layout,
            state,
            file=self.state_path,
            report=self.report,
            visitor=self.visitor,
            logger=self.logger,
            today=self.today.date(),
            owed_now=self.start_given or self.owed_now,
            again=self.again,
            take_down=settings().withdrawn == "take-down",
            on_document=lambda place: self.document_fetched(*place),
        )
        complete = window if meetings and not self.report.left_out else None
        collector.collect(collector.documents(meetings, agendas_from=self._agendas_from(), complete=complete))
        self._count(meetings)
        if self._is_complete(window, state, empty=not meetings):
            state.last_run, state.listed_from = began, min(window.earliest, state.listed_from or window.earliest)
        collector.save()
        self.logger.log(f"{len(meetings)} meetings listed; documents: {self.report}")
        return self.report

    def window(self, state: FetchState) -> Window:
        """Return which meetings to list: all the first time, later only those that can have changed."""
        first, last = self.start_date.date(), self.end_date.date()
        if self.start_given or state.last_run is None or state.listed_from is None or first < state.listed_from:
            return Window(first, last, earliest=first)
        recent = state.last_run.date() - self.lookback
        return Window(max(first, recent), last, state.last_run - OVERLAP, earliest=first)

    def _is_complete(self, window: Window, state: FetchState, *, empty: bool) -> bool:
        """Return whether the window covers everything that can have changed since the last complete fetch."""
        if window.end < self.today.date():
            return False
        if empty and (state.listed_from is None or window.start < state.listed_from):
            return False  # it may have been a failure of the server: list these days again
        return window.changed_since is not None or state.listed_from is None or window.start <= state.listed_from

    @cached_property
    def extra(self) -> dict[str, Any]:
        """The site's own settings, from its JSON object."""
        raw = self.site.get("extra") or {}
        try:
            value = json.loads(raw) if isinstance(raw, str) else raw
        except ValueError:
            value = None
        if not isinstance(value, Mapping):
            raise UsageError(f"{self.subdomain}: the site's extra is not a JSON object: {str(raw)[:80]}")
        return dict(value)

    def setting(self, name: str, otherwise: Callable[[], str] | None = None) -> str:
        """Return a text of the site's extra, else the result of `otherwise`; UsageError if there is neither."""
        value = self.extra.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if otherwise is not None:
            return otherwise()
        raise UsageError(
            f'{self.subdomain}: the site\'s extra needs {{"{name}": "…"}} for scraper label '
            f"{self.site.get('scraper')!r}; `clerk-tasks sites detect URL` finds it"
        )

    @cached_property
    def visitor(self) -> Visitor:
        """Makes this fetcher's requests, by the limits of the site's extra and by robots.txt."""
        agent = self.extra.get("user_agent")
        return Visitor(
            limits=self._limits(),
            allowed=configured(self.extra),
            session=True,
            headers={"User-Agent": str(agent)} if agent else None,
            robots=not self.extra.get("ignore_robots", False),
        )

    def _limits(self) -> VisitLimits:
        given, known = self.extra.get("limits", {}), [field.name for field in fields(VisitLimits)]
        if not isinstance(given, Mapping) or not given.keys() <= set(known):
            raise UsageError(f"{self.subdomain}: the extra's limits are {', '.join(known)}, each with a number")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
                raise UsageError(f"{self.subdomain}: the extra's limit {name} is {value!r}: give a number, 0 or more")
        return VisitLimits(**given)

    def _list(self, window: Window) -> list[Meeting]:
        """Return each meeting once, as listed last, with the name of its folder as its body."""
        found = {meeting.event_id: meeting for meeting in self._listed(window)}
        return [
            replace(meeting, body=self._folder(meeting.body))
            for meeting in found.values()
            if window.earliest <= meeting.day <= window.end
        ]

    def _listed(self, window: Window) -> Iterator[Meeting]:
        listed = self.meetings(window)
        if not isinstance(listed, Iterable):
            raise TypeError(f"meetings() returned {type(listed).__name__}: it must return meetings, or yield them")
        for meeting in listed:
            if not isinstance(meeting, Meeting):
                raise TypeError(f"meetings() listed a {type(meeting).__name__} instead of a Meeting")
            yield meeting

    def _folder(self, body: str) -> str:
        name = self.simplified_meeting_name(body)
        try:
            safe_name(name)
        except UsageError:  # a body called "***"
            return "Meeting"
        return name

    def _agendas_from(self) -> date:
        return date.min if self.all_agendas else self.today.date()

    def _load_state(self) -> FetchState:
        source = self.source_id()
        try:
            return load_state(self.state_path, source=source)
        except ValueError as error:
            text = f"{self.state_path} is damaged ({error}); starting from the beginning, documents on disk are kept"
            self.logger.log(text, level="warning")
            return FetchState(source)

    @property
    def state_path(self) -> Path:
        """The file of the state between two fetches."""
        return self.layout.root / FILE_NAME

    def source_id(self) -> str:
        """Return the name of the source whose ids this site's events have."""
        return self.source

    def _count(self, meetings: list[Meeting]) -> None:
        new = [*self.report.fetched, *self.report.revised]
        self.total_events = len(meetings)
        self.total_agendas = sum(name.endswith("(agenda)") for name in new)
        self.total_minutes = len(new) - self.total_agendas
