"""The metrics and the pages of the board that plugins bring; one that cannot be used is quarantined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from clerk.contributions import BoardPage, BoardTable, PluginMetric
from clerk.errors import UsageError
from clerk.plugin.calls import misfit
from clerk.plugin.containment import BROKEN, contained
from clerk.plugin.loader import asked_once, plugins
from clerk.plugin.registered import Plugin, PluginSet
from clerk.plugin.source_place import place_of, place_of_error

_METRIC = re.compile(r"[a-z][a-z0-9_]*")
_PAGE = re.compile(r"[a-z0-9][a-z0-9-]*")
_KINDS = ("gauge", "counter")

Thing = TypeVar("Thing", PluginMetric, BoardPage)


@asked_once
def plugin_metrics(found: PluginSet) -> Mapping[str, tuple[Plugin, PluginMetric]]:
    """Return the metrics of all plugins by name, with the plugin that brings each."""
    return _gather(found, "register_metrics", PluginMetric, _wrong_metric)


@asked_once
def board_pages(found: PluginSet) -> Mapping[str, tuple[Plugin, BoardPage]]:
    """Return the pages of all plugins by name, with the plugin that brings each."""
    return _gather(found, "register_board_pages", BoardPage, _wrong_page)


def page_content(plugin: Plugin, page: BoardPage, parameters: Mapping[str, str]) -> Sequence[str | BoardTable]:
    """Return the paragraphs and tables of a page; of one that fails, which is quarantined, a text that says so."""
    try:
        with contained():
            answer: object = page.content(parameters)
            if isinstance(answer, str | BoardTable) or not isinstance(answer, Iterable):
                raise UsageError(f"its content must be a list of texts and BoardTables, not {answer!r:.80}")
            parts = list(answer)
            if wrong := [part for part in parts if not isinstance(part, str | BoardTable)]:
                raise UsageError(f"its content must be texts and BoardTables, not {wrong[0]!r:.80}")
    except BROKEN as error:
        place = place_of_error(error) or place_of(page.content)
        plugins().quarantine(plugin.name, plugin.where, phase=f"page {page.name}", error=error, place=place)
        return [f"Plugin {plugin.name} cannot show this page: `clerk-tasks plugins check` says why."]
    return parts


def _gather(
    found: PluginSet, hook: str, kind: type[Thing], wrong: Callable[[Thing], str | None]
) -> dict[str, tuple[Plugin, Thing]]:
    gathered: dict[str, tuple[Plugin, Thing]] = {}
    for plugin, answer in reversed(found.call(hook)):
        for thing, problem in _checked(answer, kind, wrong):
            if problem is None and thing.name in gathered:
                problem = f"{thing.name!r} is brought by plugin {gathered[thing.name][0].name} already: rename it"
            if problem is None:
                gathered[thing.name] = (plugin, thing)
            else:
                place = place_of(getattr(plugin.implementation, hook, None))
                found.quarantine(plugin.name, plugin.where, phase=f"hook {hook}", error=problem, place=place)
    return gathered


def _checked(answer: Any, kind: type[Thing], wrong: Callable[[Thing], str | None]) -> Iterator[tuple[Any, str | None]]:
    """Yield what a hook answered, each with what is wrong with it."""
    things = answer if isinstance(answer, list | tuple) else [answer]
    for thing in things:
        if isinstance(thing, kind):
            yield thing, wrong(thing)
        else:
            yield thing, f"it must return a list of clerk.{kind.__name__}, not {thing!r:.80}"


def _wrong_metric(metric: PluginMetric) -> str | None:
    name = metric.name
    if not (isinstance(name, str) and _METRIC.fullmatch(name)):
        return f"the metric's name {name!r} may hold lower-case letters, digits and '_' only"
    if name.startswith("clerk_"):
        return f"the metric's name {name!r} begins with clerk_, which is ours: begin it with your plugin's name"
    if not (isinstance(metric.help, str) and metric.help):
        return f"metric {name}: help must be a text"
    if odd := misfit(metric.read):
        return f"metric {name}: read must be a function without arguments, {odd}"
    if metric.kind not in _KINDS:
        return f"metric {name}: kind must be 'gauge' or 'counter', not {metric.kind!r:.80}"
    if metric.kind == "counter" and not name.endswith("_total"):
        return f"metric {name}: the name of a counter ends in _total"
    labels = metric.labels
    listed = isinstance(labels, list | tuple) and all(isinstance(label, str) for label in labels)
    if not listed or not all(map(_METRIC.fullmatch, labels)) or len(set(labels)) < len(labels):
        return f"metric {name}: labels must be a list of different names, not {labels!r:.80}"
    return None


def _wrong_page(page: BoardPage) -> str | None:
    if not (isinstance(page.name, str) and _PAGE.fullmatch(page.name)):
        return f"the page's name {page.name!r} may hold lower-case letters, digits and '-' only"
    if not (isinstance(page.title, str) and page.title):
        return f"page {page.name}: title must be a text"
    if odd := misfit(page.content, {}):
        return f"page {page.name}: content must be a function of the parameters, {odd}"
    return None
