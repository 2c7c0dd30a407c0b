"""Which of `Fetcher`'s reading and compiling methods a fetcher replaces with its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

#: Methods that a fetcher may replace; then the pipeline calls the replacement.
OVERRIDABLE = ("ocr", "do_ocr", "do_ocr_job", "_ocr_with_tesseract", "transform")


def default(method: Method) -> Method:
    """Mark a method of `Fetcher` as the one that a fetcher may replace."""
    method.clerk_default = True  # type: ignore[attr-defined]
    return method


def overridden(fetcher: Any) -> frozenset[str]:
    """Return the names of the overridable methods that a fetcher has of its own, and which must be called therefore.

    A fetcher that is not a subclass of `Fetcher` has only methods of its own.
    """
    methods = {name: getattr(fetcher, name, None) for name in OVERRIDABLE}
    return frozenset(
        name for name, method in methods.items() if callable(method) and not hasattr(method, "clerk_default")
    )
