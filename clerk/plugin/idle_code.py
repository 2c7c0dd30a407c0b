"""Find what a plugin file offers and nothing calls: hooks outside of a class, unmarked hooks, no plugin at all."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from clerk.hookspecs import PROJECT
from clerk.plugin.registered import HOOKS
from clerk.plugin.source_place import place_of

#: What pluggy marks an implementation with.
MARK = f"{PROJECT}_impl"


def idle_code(module: ModuleType) -> Iterator[tuple[str, str | None]]:
    """Yield what is wrong, and FILE:LINE, for each piece of a plugin's module that looks like a hook and is not called.

    The functions of a module are not called unless the module registers itself.
    """
    for name, value in list(vars(module).items()):
        own = getattr(value, "__module__", None) == module.__name__
        if own and inspect.isfunction(value) and hasattr(value, MARK):
            problem = f"function {name} is marked with @hookimpl outside of a class: make it a method of one"
            yield problem, place_of(value)
        elif own and inspect.isclass(value):
            for hook in HOOKS:
                method = vars(value).get(hook)
                if inspect.isfunction(method) and not hasattr(method, MARK):
                    problem = f"method {hook} of class {name} is not called: mark it with @clerk.hookimpl"
                    yield problem, place_of(method)


NO_PLUGIN = (
    "it brings no plugin: it has no class with a method that is marked with @clerk.hookimpl; "
    "begin the name of a file that only other files use with an underscore"
)


def is_imported(path: Path, directory: Path) -> bool:
    """Return whether another file of a plugins directory imports this one, wherever in its code."""
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    inside = path.parent if path.name == "__init__.py" else path
    others = (file for file in directory.rglob("*.py") if inside not in (file, *file.parents))
    return any(stem in _imported_words(file) for file in others)


def _imported_words(path: Path) -> set[str]:
    words: set[str] = set()
    with suppress(OSError, SyntaxError, ValueError):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                words.update(*(alias.name.split(".") for alias in node.names))
                words.update((getattr(node, "module", None) or "").split("."))
    return words
