"""A clock that is wrong in one program only: its Python starts by setting the wall clocks of `time` and `datetime`."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

SOURCE = """
import datetime
import time

SHIFT = {seconds!r}
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + SHIFT
time.time_ns = lambda: _time_ns() + int(SHIFT * 1e9)


class _Exact(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, _datetime)


_datetime = datetime.datetime


class _Shifted(_datetime, metaclass=_Exact):
    @classmethod
    def now(cls, tz=None):
        return _datetime.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return _datetime.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)


_Shifted.__name__ = _Shifted.__qualname__ = "datetime"
datetime.datetime = _Shifted
"""


def wrong_clock(folder: Path, *, hours: float) -> dict[str, str]:
    """Return the environment in which Python's wall clocks are wrong by so many hours."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(dedent(SOURCE).format(seconds=hours * 3600))
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
