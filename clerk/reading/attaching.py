"""Which databases Datasette serves: those of the published folder, by their cities' names, when they are asked for."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import yaml

from clerk.reading.catalog import describe_database, describe_table, has_catalog, list_tables
from clerk.reading.configuration import PLUGIN_NAME
from clerk.reading.published import CONFIGURATION, INDEX, INDEX_NAME, LIST_OF_SITES, SITES_NAME, published_files
from clerk.reading.reopening import ReopeningDatabase

#: How many of the cities' databases are open at once. Datasette reads the schema of every one before it makes a page:
#: with two thousand, the first page took minutes.
_MOST = 100

#: How often it is checked whether something was published, in seconds.
_INTERVAL = 1.0


def published_folder(datasette: Any) -> Path | None:
    """Return the folder that this Datasette serves; None if its configuration does not name our plugin."""
    options = datasette.plugin_config(PLUGIN_NAME)
    if not options:
        return None
    folder = options.get("folder") or os.environ.get("CLERK_PUBLISH_DIR")
    return Path(folder).absolute() if folder else None


def read_configuration(folder: Path) -> dict[str, Any]:
    """Return what a folder's datasette.yaml says."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load((folder / CONFIGURATION).read_bytes(), Loader=loader))  # noqa: S506 - a safe loader


class Attached:
    """The databases of one folder in one Datasette; it follows datasette.yaml, which each publication writes."""

    def __init__(self, datasette: Any, folder: Path) -> None:
        self.folder = folder
        self.most = _MOST
        self._datasette = datasette
        self._files: dict[str, Path] = {}
        self._attached: OrderedDict[str, None] = OrderedDict()  # the one that was asked for last at the end
        self._ours: set[str] = set()
        self._described: set[tuple[str, str]] = set()
        self._unlisted: set[str] = set()
        self._stamp: tuple[int, int] | None = None
        self._looked = float("-inf")
        self.configuration: dict[str, Any] = {}
        self.subdomains: dict[str, str] = {}

    def follow(self) -> None:
        """Look what is published, and detach what is gone, if datasette.yaml was written since the last look."""
        if time.monotonic() < self._looked + _INTERVAL:
            return
        self._looked = time.monotonic()
        stamp = self._current_stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            self.configuration = read_configuration(self.folder) if stamp else {}
            self._list()
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

    def _list(self) -> None:
        published = list(published_files(self.folder))
        self.subdomains = {file.name: file.subdomain for file in published}
        self._files = {file.name: file.path for file in published}
        for name in self._attached.keys() - self._files.keys():
            self._detach(name)
        for name, path in ((INDEX_NAME, self.folder / INDEX), (SITES_NAME, self.folder / LIST_OF_SITES)):
            if name not in self._datasette.databases and path.is_file():
                self._add(name, path)

    def attach(self, name: str) -> bool:
        """Attach a city's database that is asked for; return whether Datasette serves a database of this name."""
        if name not in self._files and name not in self._datasette.databases:  # it may have been published just now
            self.look_again()
            self.follow()
        if name in self._files and (name in self._attached or name not in self._datasette.databases):
            if name not in self._attached:
                self._add(name, self._files[name])
            self._attached[name] = None
            self._attached.move_to_end(name)
            while len(self._attached) > self.most:
                self._detach(next(iter(self._attached)))
        return name in self._datasette.databases

    def _add(self, name: str, path: Path) -> None:
        self._datasette.add_database(ReopeningDatabase(self._datasette, str(path), is_mutable=True), name=name)
        self._unlisted.add(name)

    def _detach(self, name: str) -> None:
        del self._attached[name]
        self._datasette.remove_database(name)

    def _configure(self) -> None:
        """Hand Datasette 1.0 how tables are displayed; 0.65 asks the plugin for everything each time."""
        if isinstance(config := getattr(self._datasette, "config", None), dict):
            databases = config.setdefault("databases", {})
            for name in self._ours:
                databases.pop(name, None)
            self._ours = set(self.configuration.get("databases", {})) - set(databases)
            databases |= {name: self.configuration["databases"][name] for name in self._ours}
        self._described.clear()

    async def announce(self, name: str, table: str = "") -> None:
        """Hand Datasette 1.0 what it does not know yet of a database, and of one of its tables; 0.65 asks for it.

        One table at a time: all the sentences of a finance database take seconds.
        """
        if name not in self._datasette.databases or not has_catalog(self._datasette):
            return
        if name in self._unlisted:
            await list_tables(self._datasette, name)
            self._unlisted.discard(name)
        known = self.configuration.get("databases", {}).get(name, {})
        if known and (name, "") not in self._described:
            self._described.add((name, ""))
            await describe_database(self._datasette, name, known)
        said = known.get("tables", {}).get(table)
        if said and (name, table) not in self._described:
            self._described.add((name, table))
            await describe_table(self._datasette, name, table, said)


_ATTRIBUTE = "_clerk_attached"


def attached(datasette: Any) -> Attached | None:
    """Return the databases of a Datasette that its configuration makes a reader; None for any other Datasette."""
    if (found := begun(datasette)) is None and (folder := published_folder(datasette)):
        found = Attached(datasette, folder)
        setattr(datasette, _ATTRIBUTE, found)
    return found


def begun(datasette: Any) -> Attached | None:
    """Return the same, but None before the first call of `attached`: for whom the configuration itself waits."""
    found: Attached | None = getattr(datasette, _ATTRIBUTE, None)
    return found
