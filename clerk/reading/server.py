"""Runs Datasette, 0.65 or 1.0, on a published folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import uvicorn
import yaml
from datasette.app import Datasette  # type: ignore[import-untyped]
from datasette.plugins import pm  # type: ignore[import-untyped]

from clerk.reading import datasette_plugin, reopening
from clerk.reading.configuration import PLUGIN_NAME
from clerk.reading.published import CONFIGURATION


def run(folder: Path, host: str, port: int) -> None:
    """Serve a published folder on an address until the process is stopped."""
    uvicorn.run(reader_of(folder).app(), host=host, port=port, log_level="warning", lifespan="on")


def reader_of(folder: Path) -> Any:
    """Return a Datasette that serves a published folder as its datasette.yaml says."""
    for name, plugin in (("clerk-reading", datasette_plugin), ("clerk-reopening", reopening)):
        if pm.get_plugin(name) is None and not pm.is_registered(plugin):
            pm.register(plugin, name=name)
    said = yaml.safe_load((folder / CONFIGURATION).read_text(encoding="utf-8"))
    said["plugins"] = {**said["plugins"], PLUGIN_NAME: {"active": True, "folder": str(folder)}}
    del said["databases"]  # the plugin says it, of the databases that are asked for
    return Datasette(files=[], settings=said.pop("settings"), metadata=said)
