"""What a plugin adds to `/metrics` and to the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: What reading a metric gives: a number, or {label values: number} for one with labels.
Reading = float | Mapping[str | tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class PluginMetric:
    """A metric that `/metrics` shows: `read()` is called at each scrape, and should take milliseconds.

    The name is that of Prometheus and begins with the plugin's own word; `clerk_` is ours, and a counter's name ends in
    `_total`. A metric with `labels` gives a number for each text, or tuple of texts, of their values.
    """

    name: str
    help: str
    read: Callable[[], Reading]
    labels: Sequence[str] = field(default=(), kw_only=True)
    kind: Literal["gauge", "counter"] = field(default="gauge", kw_only=True)


@dataclass(frozen=True, slots=True)
class BoardTable:
    """A table on a page of the board: texts, numbers and times, in rows under columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class BoardPage:
    """A page of the board: `content(parameters)` returns its paragraphs and tables, each time that it is shown.

    `name` is its address: lower-case letters, digits and hyphens. `parameters` are those of the address, as texts. The
    board escapes every text, so a page holds no HTML of its own.
    """

    name: str
    title: str
    content: Callable[[Mapping[str, str]], Sequence[str | BoardTable]]
