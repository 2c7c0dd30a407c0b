"""Call a fetcher that a plugin supplies, or say why it cannot be called."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterator
from typing import Any

from clerk.errors import UsageError
from clerk.plugin.calls import misfit
from clerk.plugin.source_place import place_of


def run_fetcher(fetcher: Any) -> None:
    """Call `fetch_events`, of a generator to its end; UsageError names the FILE:LINE of what is no fetcher."""
    if odd := _what_is_wrong(fetcher):
        place = place_of(fetcher if inspect.isclass(fetcher) else type(fetcher))
        raise UsageError(f"{odd} ({place})" if place else odd)
    events = fetcher.fetch_events()
    if isinstance(events, Iterator):
        deque(events, maxlen=0)  # a generator: its body runs now


def _what_is_wrong(fetcher: Any) -> str | None:
    if inspect.isclass(fetcher):
        return f"the fetcher is the class {fetcher.__name__}: return an instance of it"
    kind, method = type(fetcher).__name__, getattr(fetcher, "fetch_events", None)
    if not callable(method):
        return f"the fetcher, of type {kind}, has no method fetch_events"
    odd = misfit(method)
    return odd and f"fetch_events of the fetcher, of type {kind}, must be a plain method without arguments, {odd}"
