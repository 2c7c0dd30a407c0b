"""A plugins directory, a place to install distributions in, and a process that forgets both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clerk.plugin.loader import plugins
from clerk.plugin.registered import Plugin, Quarantined
from devtools.plugin_files import imports_undone, install, write_plugin

Write = Callable[[str, str], Path]
Install = Callable[..., Path]

#: Where the plugins that we ship say they are from.
OURS = ("clerk.meetings.plugin", "clerk-tasks,")


@pytest.fixture(autouse=True)
def _undone(tmp_path: Path) -> Iterator[None]:
    with imports_undone(tmp_path):
        yield


@pytest.fixture
def write() -> Write:
    """Write a file of ./plugins, which is where plugins are looked for by default."""
    return lambda name, source: write_plugin(Path("plugins") / name, source)


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution of one module with one entry point."""
    folder = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(folder)

    def put(distribution: str, target: str, source: str, *, name: str | None = None) -> Path:
        module = target.partition(":")[0].replace(".", "/")
        path = write_plugin(folder / f"{module}.py", source)
        install(folder, distribution, {name or distribution: target})
        return path

    return put


def loaded(name: str) -> Plugin:
    """Return the one plugin of a name."""
    (plugin,) = [plugin for plugin in plugins().plugins if plugin.name == name]
    return plugin


def names() -> list[str]:
    """List the plugins that are not ours."""
    return [plugin.name for plugin in plugins().plugins if not plugin.where.startswith(OURS)]


def quarantined() -> list[Quarantined]:
    """List what was set aside, ours left out."""
    return [entry for entry in plugins().quarantined if not entry.where.startswith(OURS)]
