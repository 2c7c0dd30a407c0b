"""Say why what a plugin brings to be called cannot be called."""

from __future__ import annotations

import inspect


def is_async(function: object) -> bool:
    """Return whether a function, or a callable object's `__call__`, is async: a call would not run its body."""
    return any(inspect.iscoroutinefunction(kind) or inspect.isasyncgenfunction(kind) for kind in _called(function))


def is_generator(function: object) -> bool:
    """Return whether a function, or a callable object's `__call__`, is a generator: a call would not run its body."""
    return any(map(inspect.isgeneratorfunction, _called(function)))


def _called(function: object) -> tuple[object, ...]:
    return (function, type(function).__call__) if callable(function) else (function,)


def misfit(thing: object, *arguments: object) -> str | None:
    """Return why a thing is no plain function of so many arguments, as the end of a sentence; None if it is one."""
    if not callable(thing):
        return f"not {thing!r:.80}"
    if is_async(thing):
        return "not an async one"
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # not written in Python
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        return f"not one that takes {signature}"
    return None
