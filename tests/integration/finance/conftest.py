"""A migrated database, a storage folder, and sites to work on."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devtools.netfile_books import Rows, workbook
from devtools.netfile_site import NetFileSite, serving


@dataclass
class Town:
    """A site in the database, and what its folder holds."""

    subdomain: str
    finance: Path

    @property
    def database(self) -> Path:
        return self.finance / "election_finance.db"

    def drop(self, name: str, content: bytes | Path) -> Path:
        """Put a file into the drop folder."""
        target = self.finance / "drop" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(content)
        return target

    def drop_rows(self, name: str, rows: Rows) -> Path:
        """Put a workbook with these rows into the drop folder."""
        return self.drop(name, workbook(rows))

    def etl(self, **arguments: Any) -> dict[str, Any]:
        """Run the job function as a worker would."""
        from plugins.election_finance.jobs import finance_etl

        return finance_etl(self.subdomain, run_id="r", **arguments)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the published database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, *parameters: Any) -> Any:
        """Ask the published database for one value."""
        return self.query(sql, *parameters)[0][0]

    def manifest(self) -> dict[str, Any]:
        """Read finance/raw/manifest.json."""
        content: dict[str, Any] = json.loads((self.finance / "raw" / "manifest.json").read_text())
        return content

    def row(self) -> dict[str, Any]:
        """Return the site's row."""
        from clerk.database.transactions import reading
        from clerk.sites.rows import require_site

        with reading() as connection:
            return require_site(connection, self.subdomain)


@pytest.fixture
def add_town(sqlite_url: str, tmp_path: Path) -> Callable[..., Town]:
    """Return a function that adds a site: `add_town("oakland.ca", name="Oakland", extra={...})`."""

    def add(subdomain: str, *, extra: Any = None, **columns: Any) -> Town:
        from clerk.database.transactions import transaction
        from clerk.sites.rows import insert_site

        with transaction() as connection:
            values = {"state": "CA", "extra": json.dumps(extra) if extra is not None else None, **columns}
            insert_site(connection, {"subdomain": subdomain, **values})
        return Town(subdomain, tmp_path / "sites" / subdomain / "finance")

    return add


@pytest.fixture
def netfile(monkeypatch: pytest.MonkeyPatch) -> Iterator[NetFileSite]:
    """Serve a NetFile of our own; CLERK_FINANCE_BASE_URL names it."""
    with serving() as site:
        monkeypatch.setenv("CLERK_FINANCE_BASE_URL", site.url)
        yield site


Load = Callable[..., Town]


@pytest.fixture
def load(add_town: Callable[..., Town]) -> Load:
    """Return a function that loads sheets, `_` for `-` in their names, into a town called Oakland."""

    def loaded(**sheets: list[dict[str, Any]]) -> Town:
        town = add_town("oakland.ca", name="City of Oakland")
        names = {"late497": "497", "late496": "496"}
        town.drop_rows("2023.xlsx", {names.get(name, name.replace("_", "-")): rows for name, rows in sheets.items()})
        town.etl()
        return town

    return loaded
