"""Find which of `Fetcher`'s reading and compiling methods a fetcher overrides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

#: Methods that a fetcher may override; the pipeline then calls them.
OVERRIDABLE = ("ocr", "do_ocr", "do_ocr_job", "_ocr_with_tesseract", "transform")


def default(method: Method) -> Method:
    """Mark a method of `Fetcher` as the default."""
    method.clerk_default = True  # type: ignore[attr-defined]
    return method


def overridden(fetcher: Any) -> frozenset[str]:
    """Return the names of the methods that a fetcher overrides.

    In a class that does not inherit from `Fetcher`, every method counts.
    """
    methods = {name: getattr(fetcher, name, None) for name in OVERRIDABLE}
    return frozenset(
        name for name, method in methods.items() if callable(method) and not hasattr(method, "clerk_default")
    )
