"""Runs Datasette, 0.65 or 1.0, on a published folder."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from datasette.app import Datasette  # type: ignore[import-untyped]
from datasette.plugins import pm  # type: ignore[import-untyped]

from clerk.reading import datasette_plugin, reopening
from clerk.reading.attaching import read_configuration
from clerk.reading.configuration import PLUGIN_NAME


def run(folder: Path, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve a published folder until the process is stopped; `announce` gets the address, once it is listened on.

    Port 0 is a free one. Raises OSError if the address cannot be listened on.
    """
    server = uvicorn.Server(uvicorn.Config(reader_of(folder).app(), log_level="warning", lifespan="on"))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        name = f"[{host}]" if ":" in host else host
        announce(f"http://{name}:{listening.getsockname()[1]}/")
        server.run(sockets=[listening])


def reader_of(folder: Path) -> Any:
    """Return a Datasette that serves a published folder as its datasette.yaml says."""
    for name, plugin in (("clerk-reading", datasette_plugin), ("clerk-reopening", reopening)):
        if pm.get_plugin(name) is None and not pm.is_registered(plugin):
            pm.register(plugin, name=name)
    said = read_configuration(folder)
    said["plugins"] = {**said["plugins"], PLUGIN_NAME: {"active": True, "folder": str(folder)}}
    del said["databases"]  # the plugin says it, of the databases that are asked for
    return Datasette(files=[], settings=said.pop("settings"), metadata=said)
