"""Writes plugins as their authors do: files of a directory, and installed distributions with entry points."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import plugins

HEADER = "from clerk import hookimpl\n\n"


def write_plugin(path: Path, source: str) -> Path:
    """Write a plugin's file, with the import of `hookimpl` that each has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + dedent(source))
    return path


def install(folder: Path, distribution: str, entry_points: dict[str, str], *, version: str = "1.2.3") -> None:
    """Make `folder`, which must be on the path, hold an installed distribution with these `clerk.plugins`."""
    information = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = "".join(f"{name} = {target}\n" for name, target in entry_points.items())
    (information / "entry_points.txt").write_text(f"[clerk.plugins]\n{lines}")


@contextmanager
def imports_undone(*folders: Path) -> Iterator[None]:
    """Forget, on the way out, every module from under `folders` and what was put on any path for them."""
    inside = tuple(f"{folder}{os.sep}" for folder in folders)
    before, ours = list(sys.path), list(plugins.__path__)
    yield
    sys.path[:], plugins.__path__[:] = before, ours
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__") or ""
        if name.partition(".")[0] == "clerk_plugins" or file.startswith(inside):
            del sys.modules[name]
