"""A site with a compiled meetings.db, what is published of it, and what readers find there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from clerk.compilation.compile import compile_meetings
from clerk.fetching.origins import origins_of
from devtools.trees import write_tree


@dataclass(frozen=True)
class City:
    """One site below STORAGE_DIR, published below CLERK_PUBLISH_DIR."""

    subdomain: str

    @property
    def storage(self) -> Path:
        """Its folder of STORAGE_DIR."""
        return Path(os.environ["STORAGE_DIR"]) / self.subdomain

    @property
    def published(self) -> Path:
        """Its folder of CLERK_PUBLISH_DIR."""
        return Path(os.environ["CLERK_PUBLISH_DIR"]) / self.subdomain

    @property
    def live(self) -> Path:
        """The database that readers open."""
        return self.published / "meetings.db"

    def compile(self, *texts: str) -> Path:
        """Make meetings.db from these texts, one a page of one document, as the pipeline does."""
        self.clear("txt")
        write_tree(self.storage, {f"txt/Council/2026-01-02/{n}": text for n, text in enumerate(texts, 1)})
        return self.compile_tree()

    def clear(self, folder: str) -> None:
        """Remove a folder of its tree of texts."""
        shutil.rmtree(self.storage / folder, ignore_errors=True)

    def compile_tree(self) -> Path:
        """Make meetings.db from the tree of texts that is there."""
        self.storage.mkdir(parents=True, exist_ok=True)
        origins = origins_of(self.storage)
        made = compile_meetings(self.storage, self.subdomain, origins=origins, into=self.storage / "new.db")
        return made.path.replace(self.storage / "meetings.db")

    def read(self) -> list[str]:
        """Return the texts that are published, in order."""
        return texts_of(self.live)

    def versions(self) -> list[list[str]]:
        """Return the texts of each version that is kept, oldest first."""
        return [texts_of(path) for path in sorted((self.published / ".versions" / "meetings").glob("*.db"))]


def texts_of(path: Path) -> list[str]:
    """Return the texts of a meetings.db, in order."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM minutes ORDER BY page")]


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    """Give a site without anything, and a folder to publish into."""
    monkeypatch.setenv("CLERK_PUBLISH_DIR", str(tmp_path / "published"))
    return City("oakland.ca")
