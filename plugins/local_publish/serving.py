"""`clerk-tasks publish serve`: Datasette on the published databases, with the pages for readers."""

from __future__ import annotations

from clerk.errors import ClerkError
from plugins.local_publish.deploy import index_everything, publish_dir


def serve_readers(host: str, port: int) -> None:
    """Serve the published folder until the process is stopped; ClerkError if Datasette is not installed."""
    try:
        from clerk.reading.server import run  # on demand: Datasette is optional
    except ImportError as error:
        raise ClerkError(f"cannot serve ({error}): pip install 'clerk-tasks[datasette]'") from None
    index_everything()
    run(publish_dir(), host, port)
