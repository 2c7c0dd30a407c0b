"""Asks a Datasette in this process, on a published folder, as a reader's browser would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from clerk.reading.server import reader_of


class Reader:
    """One reader of one Datasette."""

    def __init__(self, folder: Path) -> None:
        self.datasette = reader_of(folder)

    def get(self, path: str, **headers: str) -> Any:
        """Return the answer, redirects not followed."""
        return asyncio.run(self.datasette.client.get(path, headers=headers))

    def page(self, path: str) -> str:
        """Return the text of a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return str(answer.text)

    def close(self) -> None:
        """Close every database."""
        self.datasette.executor.shutdown()
        for database in list(self.datasette.databases.values()):
            if close := getattr(database, "close", None):
                close()
