"""Which databases Datasette serves: those of the published folder, by their cities' names, also new ones."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import yaml

from clerk.reading.configuration import PLUGIN_NAME
from clerk.reading.published import CONFIGURATION, INDEX, INDEX_NAME, LIST_OF_SITES, SITES_NAME, published_files
from clerk.reading.reopening import ReopeningDatabase

#: What is said of a database or a table as a whole.
_WORDS = {"title", "description", "license", "source", "about", "about_url"}

#: How often it is checked whether something was published, in seconds.
_INTERVAL = 1.0


def published_folder(datasette: Any) -> Path | None:
    """Return the folder that this Datasette serves; None if its configuration does not name our plugin."""
    options = datasette.plugin_config(PLUGIN_NAME)
    if not options:
        return None
    folder = options.get("folder") or os.environ.get("CLERK_PUBLISH_DIR")
    return Path(folder).absolute() if folder else None


class Attached:
    """The databases of one folder in one Datasette; it follows datasette.yaml, which each publication writes."""

    def __init__(self, datasette: Any, folder: Path) -> None:
        self.folder = folder
        self._datasette = datasette
        self._names: set[str] = set()
        self._ours: set[str] = set()
        self._described: set[str] = set()
        self._stamp: tuple[int, int] | None = None
        self._looked = float("-inf")
        self.configuration: dict[str, Any] = {}
        self.subdomains: dict[str, str] = {}

    def follow(self) -> None:
        """Attach what was published, and detach what is gone, if datasette.yaml was written since the last look."""
        if time.monotonic() < self._looked + _INTERVAL:
            return
        self._looked = time.monotonic()
        stamp = self._current_stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            self.configuration = self._read() if stamp else {}
            self._attach()
            self._configure()

    def look_again(self) -> None:
        """Look for publications at the next request, however short a time ago that was done."""
        self._looked = float("-inf")

    def _current_stamp(self) -> tuple[int, int] | None:
        try:
            status = (self.folder / CONFIGURATION).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _read(self) -> dict[str, Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return yaml.load((self.folder / CONFIGURATION).read_bytes(), Loader=loader) or {}  # noqa: S506 - a safe loader

    def _attach(self) -> None:
        published = list(published_files(self.folder))
        self.subdomains = {file.name: file.subdomain for file in published}
        files = {file.name: file.path for file in published}
        shared = {INDEX_NAME: self.folder / INDEX, SITES_NAME: self.folder / LIST_OF_SITES}
        files |= {name: path for name, path in shared.items() if path.is_file()}
        for name in self._names - files.keys():
            self._datasette.remove_database(name)
        for name in files.keys() - self._names:
            if name not in self._datasette.databases:
                self._datasette.add_database(
                    ReopeningDatabase(self._datasette, str(files[name]), is_mutable=True), name=name
                )
        self._names = set(files)

    def _configure(self) -> None:
        """Hand Datasette 1.0 how tables are displayed; 0.65 asks the plugin for everything each time."""
        if isinstance(config := getattr(self._datasette, "config", None), dict):
            databases = config.setdefault("databases", {})
            for name in self._ours:
                databases.pop(name, None)
            self._ours = set(self.configuration.get("databases", {})) - set(databases)
            databases |= {name: self.configuration["databases"][name] for name in self._ours}
        self._described.clear()

    async def describe(self, name: str) -> None:
        """Hand Datasette 1.0 the words about a database, when it is first asked for; nothing happens in 0.65."""
        known = self.configuration.get("databases", {}).get(name)
        if known is None or name in self._described or not hasattr(self._datasette, "set_database_metadata"):
            return
        self._described.add(name)
        for word in _WORDS & known.keys():
            await self._datasette.set_database_metadata(name, word, known[word])
        for table, said in known.get("tables", {}).items():
            for word in _WORDS & said.keys():
                await self._datasette.set_resource_metadata(name, table, word, said[word])
            for column, sentence in said.get("columns", {}).items():
                await self._datasette.set_column_metadata(name, table, column, "description", sentence)
        for key, query in known.get("queries", {}).items():
            words = {word: query.get(word) for word in ("title", "description")}
            await self._datasette.add_query(name, key, query["sql"], is_trusted=True, **words)
