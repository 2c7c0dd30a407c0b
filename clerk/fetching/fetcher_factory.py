"""Make the fetcher of a site's scraper label, whichever generation of the contract it was written for."""

from __future__ import annotations

import importlib
import inspect
import reprlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from clerk.database.clock import parse_moment
from clerk.errors import NotFoundError, UsageError
from clerk.fetching.date_span import AHEAD, parse_day, site_start_year
from clerk.paths import validate_subdomain
from clerk.plugin.loader import call_hook, plugins
from clerk.plugin.source_place import place_of

#: Older fetchers list again the meetings of this long before the last update: minutes are published late.
_LATE = timedelta(days=183)


def get_fetcher(
    site: Mapping[str, Any],
    all_years: bool = False,
    all_agendas: bool = False,
    start_date_str: str | None = None,
    end_date_str: str | None = None,
) -> Any:
    """Return the fetcher of a site's row; NotFoundError if no plugin has one.

    `all_years` goes back to the site's start year. Days are written as 2024-01-31.
    """
    cls = fetcher_class(site)
    if all_years and not start_date_str:
        start_date_str = f"{site_start_year(site)}-01-01"
    wanted = {
        "start_year": _old_start_year(site, start_date_str),
        "all_agendas": all_agendas,
        "start_date_str": start_date_str,
        "end_date_str": end_date_str,
    }
    fetcher = construct(cls, site, wanted)
    _complete(fetcher, wanted)
    return fetcher


def fetcher_class(site: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the class (or factory) for a site's scraper label; NotFoundError names the plugins that were asked.

    Raises UsageError for what a plugin answers that cannot be called.
    """
    label = site.get("scraper") or ""
    answers = call_hook("fetcher_class", label=label) if label else []
    plugin, found = next((answer for answer in answers if answer[1]), ("", None))
    if found is not None and not callable(found):
        answered = f"fetcher_class of plugin {plugin} returned {reprlib.repr(found)} for label {label!r}"
        advice = "it must return a class or a function, and None for a label that is not its own"
        by_name = {each.name: each.implementation for each in plugins().plugins}
        place = place_of(getattr(by_name.get(plugin), "fetcher_class", None))
        raise UsageError(f"{answered}: {advice} ({place})")
    if found is None and label == "custom":
        found = _custom(site["subdomain"])
    if found is None:
        raise NotFoundError(_no_fetcher(site["subdomain"], label))
    made: Callable[..., Any] = found
    return made


def construct(cls: Callable[..., Any], site: Mapping[str, Any], wanted: Mapping[str, Any]) -> Any:
    """Call a fetcher's constructor with the wanted arguments that it names.

    If it names none but takes more than the site, pass the start year and all_agendas by position.
    """
    try:
        parameters = list(inspect.signature(cls).parameters.values())[1:]
    except (TypeError, ValueError):  # not written in Python
        parameters = []
    names = {parameter.name for parameter in parameters}
    chosen = {name: value for name, value in wanted.items() if name in names}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        chosen |= {name: value for name, value in wanted.items() if name != "start_year"}
    places = sum(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
    endless = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    ordered = () if chosen else (wanted["start_year"], wanted["all_agendas"])[: 2 if endless else places]
    _check_call(cls, site, *ordered, **chosen)
    return cls(site, *ordered, **chosen)


def _check_call(cls: Callable[..., Any], site: Mapping[str, Any], *ordered: Any, **chosen: Any) -> None:
    """Raise UsageError, with FILE:LINE, if a fetcher's constructor cannot be called so."""
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):  # not written in Python
        return
    try:
        signature.bind(site, *ordered, **chosen)
    except TypeError:
        name = getattr(cls, "__name__", type(cls).__name__)
        advice = "it must take the site's row first: derive it from clerk.Fetcher, and prepare in child_init"
        raise UsageError(f"fetcher {name} takes {signature}; {advice} ({place_of(cls)})") from None


def _complete(fetcher: Any, wanted: Mapping[str, Any]) -> None:
    """Set start_date and end_date on a fetcher whose constructor did not."""
    start, end = wanted["start_date_str"], wanted["end_date_str"]
    dates = {
        "start_date": parse_day(start) if start else datetime(wanted["start_year"], 1, 1),
        "end_date": parse_day(end) if end else datetime.now() + AHEAD,
    }
    for name, value in dates.items():
        if not hasattr(fetcher, name):
            with suppress(AttributeError):  # it has __slots__
                setattr(fetcher, name, value)


def _old_start_year(site: Mapping[str, Any], start_date_str: str | None) -> int:
    """Return the first year for a fetcher without dates: early enough for minutes published since the last update."""
    if start_date_str:
        return parse_day(start_date_str).year
    updated = parse_moment(site.get("last_updated"))
    first = site_start_year(site)
    return first if updated is None else max(first, (min(updated, datetime.now(UTC)) - _LATE).year)


def _custom(subdomain: str) -> Callable[..., Any] | None:
    """Return `custom_fetcher` of the module fetchers.custom.SUBDOMAIN, dots as underscores; None without it."""
    name = f"fetchers.custom.{validate_subdomain(subdomain).replace('.', '_')}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return None
        raise
    found: Callable[..., Any] | None = getattr(module, "custom_fetcher", None)
    return found


def _no_fetcher(subdomain: str, label: str) -> str:
    if not label:
        return f"site {subdomain} has no scraper label: `clerk-tasks sites detect URL` finds it from the city's site"
    found = plugins()
    asked = [plugin.name for plugin in found.plugins if "fetcher_class" in found.hooks_of(plugin.implementation)]
    phases = ("import", "constructor", "register", "hook fetcher_class")
    broken = dict.fromkeys(f"{entry.name}: {entry.problem}" for entry in found.quarantined if entry.phase in phases)
    text = f"no plugin has a fetcher for label {label!r} of site {subdomain}; asked: {', '.join(asked) or 'none'}"
    return f"{text}; quarantined: {'; '.join(broken)}" if broken else text
