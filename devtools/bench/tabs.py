"""Browsers that look at a page of the board: streams of its updates, read as fast as they come."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import httpx


class Tabs:
    """Open streams; `received` counts their updates."""

    def __init__(self, url: str, pages: Sequence[str]) -> None:
        self.received = 0
        self._client = httpx.Client(base_url=url, timeout=None)
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(page,), daemon=True) for page in pages]
        for thread in self._threads:
            thread.start()

    def _read(self, page: str) -> None:
        try:
            with self._client.stream("GET", "/live", params={"page": page}) as stream:
                for line in stream.iter_lines():
                    if self._closed.is_set():
                        return
                    self.received += not line  # an empty line ends an update
        except httpx.HTTPError:
            if not self._closed.is_set():
                raise

    def close(self) -> None:
        """Close them; they end with the next update or ping."""
        self._closed.set()
