"""Where the plugin author's code is: file and line, and no address that differs from process to process."""

from __future__ import annotations

import functools
import inspect
import re
import sysconfig
import traceback
from contextlib import suppress
from pathlib import Path

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_ROOT = Path(__file__).parents[2]
_NOT_THEIRS = (f"{_ROOT / 'clerk'}/", f"{_ROOT / 'clerk_tasks'}/", f"{sysconfig.get_path('stdlib')}/", "<")


def without_addresses(text: str) -> str:
    """Return text without the addresses of objects, so that one finding reads alike in every process."""
    return _ADDRESS.sub("", text)


def place_of(thing: object) -> str | None:
    """Return FILE:LINE of a function, a method, a partial or a class; None for anything else."""
    with suppress(Exception):  # a callable of the author's own may do anything when it is looked at
        while isinstance(thing, functools.partial):
            thing = thing.func
        if inspect.isclass(thing):
            return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]}"
        function = inspect.unwrap(thing if inspect.isroutine(thing) else type(thing).__call__)
        code = getattr(function, "__code__", None)
        if inspect.iscode(code):
            return f"{code.co_filename}:{code.co_firstlineno}"
    return None


def place_of_error(error: BaseException, *, installed: bool = True) -> str | None:
    """Return FILE:LINE of a syntax error, or of the last line of the author's that an exception passed.

    If it passed none, return the last line of an installed package that it passed, unless `installed` is False.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}:{error.lineno}"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(_NOT_THEIRS)]
    theirs = [each for each in frames if "site-packages" not in each.filename]
    frames = theirs or (frames if installed else [])
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None
