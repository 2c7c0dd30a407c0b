"""`clerk-tasks publish serve`: Datasette on the published databases, with the pages for readers."""

from __future__ import annotations

import os
from collections.abc import Callable

from clerk.errors import ClerkError
from clerk.reading.published import CONFIGURATION
from plugins.local_publish.deploy import index_everything, publish_dir


def serve_readers(host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the published folder until the process is stopped; `announce` gets the address.

    Raises ClerkError if Datasette is not installed, or the address cannot be listened on.
    """
    try:
        from clerk.reading.server import run  # on demand: Datasette is optional
    except ImportError as error:
        raise ClerkError(f"cannot serve ({error}): pip install 'clerk-tasks[datasette]'") from None
    folder = publish_dir()
    if os.access(folder, os.W_OK):  # elsewhere it may be mounted for reading
        index_everything()
    elif not (folder / CONFIGURATION).exists():
        raise ClerkError(f"{folder / CONFIGURATION} does not exist: publish first, or run `clerk-tasks publish index`")
    try:
        run(folder, host, port, announce)
    except OSError as error:
        raise ClerkError(f"cannot listen on {host}:{port} ({error.strerror or error}): choose another --port") from None
