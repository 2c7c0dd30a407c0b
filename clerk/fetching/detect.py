"""Detect the system that a city publishes its meetings with, by the address, else by the links of the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from clerk.errors import NotFoundError, UsageError
from clerk.fetching.visitor import NotServed, Trouble, VisitLimits, Visitor
from clerk.plugin.loader import call_hook

Extra = Callable[["re.Match[str]"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Detection:
    """A system, the scraper label and extra for a new site of it, and the evidence.

    `label` is None where no fetcher for the system is installed.
    """

    system: str
    label: str | None
    extra: Mapping[str, Any] = field(default_factory=dict)
    evidence: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Signature:
    """The addresses of a system; the first group of the pattern identifies the city."""

    system: str
    address: re.Pattern[str]
    settings: Extra = lambda _: {}

    def match(self, url: str) -> re.Match[str] | None:
        """Match an address, unless it is the vendor's own."""
        found = self.address.match(url)
        return found if found and found[1].lower() not in _NOT_A_CITY else None


def _signature(system: str, address: str, extra: Extra = lambda _: {}) -> Signature:
    return Signature(system, re.compile(rf"https?://{address}", re.IGNORECASE), extra)


#: Names of the vendor in the place of a city's name.
_NOT_A_CITY = frozenset({"www", "webapi", "help", "support", "legistar", "api", "portal"})

_ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?([/?#]\S*)?$", re.IGNORECASE)
_HOST = r"([a-z0-9-]+)"

#: The most reliable first.
SIGNATURES = (
    _signature("legistar", r"webapi\.legistar\.com/v1/([a-z0-9-]+)", lambda found: {"client": found[1]}),
    _signature("legistar", rf"{_HOST}\.legistar1?\.com\b", lambda found: {"client": found[1]}),
    _signature("legistar", r"legistar\.granicus\.com/([a-z0-9-]+)", lambda found: {"client": found[1]}),
    _signature("civicclerk", rf"{_HOST}\.(?:api|portal)\.civicclerk\.com\b", lambda found: {"tenant": found[1]}),
    _signature("primegov", rf"{_HOST}\.primegov\.com\b"),
    _signature("swagit", rf"{_HOST}\.(?:new\.)?swagit\.com\b", lambda found: {"swagit_subdomain": found[1]}),
    _signature("granicus", rf"{_HOST}\.granicus\.com\b"),
    _signature("boarddocs", r"go\.boarddocs\.com/([a-z0-9/]+)"),
    _signature("escribe", r"pub-([a-z0-9-]+)\.escribemeetings\.com\b"),
    _signature("iqm2", rf"{_HOST}\.iqm2\.com\b"),
    _signature("novusagenda", rf"{_HOST}\.novusagenda\.com\b"),
    _signature("municode", rf"{_HOST}\.municodemeetings\.com\b"),
    _signature("civicweb", rf"{_HOST}\.civicweb\.net\b"),
    _signature("onbase", r"([^/\s\"']+)/OnBaseAgendaOnline\b"),
    # Every CivicPlus website links to its AgendaCenter, used or not: so it comes last.
    _signature("agendacenter", r"([^/\s\"']+)/AgendaCenter\b", lambda found: {"base_url": found[0][: found.end(1)]}),
)

#: Text of a page that only one system writes, where a city has put the system under its own domain.
MARKERS: tuple[tuple[str, str, str], ...] = (
    ("legistar", "ctl00_ContentPlaceHolder1_gridCalendar", "calendar_url"),
    ("agendacenter", "/AgendaCenter/ViewFile/", "base_url"),
    ("municode", "municodemeetings", ""),
    ("primegov", "/api/v2/PublicPortal/", ""),
    ("granicus", "ViewPublisher.php?view_id=", ""),
    ("escribe", "MeetingsCalendarView.aspx", ""),
)


def detect(url: str, *, visitor: Visitor | None = None) -> Detection:
    """Return the system behind an address of a city's website; fetch the page only if the address does not show it.

    Raises UsageError if it is not an address, NotFoundError if the system is unknown or the page cannot be fetched.
    """
    url = url.strip() if "://" in url else f"https://{url.strip()}"
    if not _ADDRESS.match(url):
        raise UsageError(f"{url!r} is not the address of a website: give one like https://www.city.gov/meetings")
    found = by_address(url) or _by_page(url, visitor)
    if found is None:
        raise NotFoundError(f"no known system at {url}: give the page that lists the city's meetings or agendas")
    return found


def by_address(url: str) -> Detection | None:
    """Detect the system by the pattern of an address."""
    for signature in SIGNATURES:
        if match := signature.match(url):
            return _detection(signature.system, signature.settings(match), f"the address {match[0]}")
    return None


def by_content(text: str, url: str) -> Detection | None:
    """Detect the system by a page's content: text that only one system writes, else the first link to a system."""
    for system, mark, setting in MARKERS:
        if mark in text:
            value = url if setting == "calendar_url" else f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
            return _detection(system, {setting: value} if setting else {}, f"the page contains {mark}")
    links = [urljoin(url, link) for link in re.findall(r"""(?:href|src)=["']([^"']+)""", text)]
    for signature in SIGNATURES:
        for link in links:
            if match := signature.match(link):
                return _detection(signature.system, signature.settings(match), f"the page links to {match[0]}")
    return None


def _by_page(url: str, visitor: Visitor | None) -> Detection | None:
    visitor = visitor or Visitor(allowed=[url], limits=VisitLimits(size=20 * 1024**2, total_time=60, attempts=2))
    try:
        response = visitor.request("GET", url)
    except (NotServed, Trouble) as error:
        raise NotFoundError(f"the page cannot be read, so its system is unknown: {error}") from None
    final = str(response.url)
    return by_address(final) or by_content(response.text, final)


def _detection(system: str, extra: dict[str, Any], evidence: str) -> Detection:
    answered = any(answer for _plugin, answer in call_hook("fetcher_class", label=system))
    return Detection(system, system if answered else None, extra, evidence)
