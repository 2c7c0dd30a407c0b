"""The application: what a process builds once (settings, engine, plugins, publisher …) and closes in one call.

    @part
    def settings() -> Settings: ...

`settings()` builds the part at the first call and returns the same one until `application.close()`.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from threading import RLock
from typing import Any, Generic, TypeVar, overload

__all__ = ["Application", "Part", "application", "part"]

T = TypeVar("T")


class Application:
    """The parts that were built, in the order in which they were: a part may use those before it.

    Each part is built under its own lock: one that waits, say for the database, holds up only the threads that need it.
    """

    def __init__(self) -> None:
        self._built: dict[Part[Any], Any] = {}

    def get(self, part: Part[T], build: Callable[[], T] | None = None) -> T:
        """Return a part, built at the first call: by `build` if it is given."""
        built: T
        with suppress(KeyError):  # without the lock: parts are asked for several times a job
            built = self._built[part]
            return built
        with part.lock:
            if not self._built:
                atexit.register(self.close)
            if part not in self._built:
                self._built[part] = (build or part.build)()
            built = self._built[part]
            return built

    def put(self, part: Part[T], made: T) -> None:
        """Use `made` as a part, in place of what it would build; the part is closed first if it is built."""
        with part.lock:
            self.discard(part)
            self.get(part, lambda: made)

    def has(self, part: Part[Any]) -> bool:
        """Return whether a part is built."""
        return part in self._built

    def discard(self, part: Part[Any]) -> None:
        """Close a part if it is built; the next call builds another."""
        with part.lock:
            if part in self._built:
                part.close(self._built.pop(part))

    def close(self) -> None:
        """Close every part, the last built first; the application can be used again. A process does this at its end."""
        atexit.unregister(self.close)
        for part in reversed(list(self._built)):
            self.discard(part)


#: This process's application.
application = Application()


class Part(Generic[T]):
    """A function whose result the application keeps; after `discard()` the next call builds another."""

    def __init__(self, build: Callable[[], T], close: Callable[[T], object]) -> None:
        self.build, self.close, self.lock = build, close, RLock()
        update_wrapper(self, build)

    def __call__(self) -> T:
        """Return the application's one."""
        return application.get(self)

    def discard(self) -> None:
        """Close it if it is built."""
        application.discard(self)


@overload
def part(build: Callable[[], T], /) -> Part[T]: ...
@overload
def part(*, close: Callable[[T], object]) -> Callable[[Callable[[], T]], Part[T]]: ...
def part(build: Callable[[], T] | None = None, /, *, close: Callable[[T], object] = lambda _: None) -> Any:
    """Make a function of no arguments a part of the application; `close` gets the part when the application ends."""
    if build is not None:
        return Part(build, close)
    return lambda build: Part(build, close)
