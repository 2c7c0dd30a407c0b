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
        """Hand Datasette 1.0 what is said of databases that are new; 0.65 asks the plugin for it each time."""
        if not hasattr(self._datasette, "config") or self._datasette.config is None:
            return
        databases = self._datasette.config.setdefault("databases", {})
        for name, known in self.configuration.get("databases", {}).items():
            databases.setdefault(name, known)
