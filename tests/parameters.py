"""What a test is parametrized with, for the hooks that choose tests."""

from __future__ import annotations

import pytest


def parameters(item: pytest.Item) -> dict[str, object]:
    """Return what a test is parametrized with: {"broker_url": "redis", ...}."""
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else dict(callspec.params)
