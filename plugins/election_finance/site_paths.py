"""A site as this plugin sees it: who it is to NetFile, and where its files are."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clerk.database.transactions import reading
from clerk.paths import site_dir
from clerk.sites.rows import require_site
from plugins.election_finance.agencies import csv_addresses, known_agencies, search_wanted, shortcut_for

#: A working folder older than this was left by a process that died, in seconds.
_ABANDONED = 86_400


@dataclass(frozen=True, slots=True)
class FinanceSite:
    """A site: its NetFile shortcut if it has one, its first year, and `finance/` under STORAGE_DIR."""

    subdomain: str
    municipality: str
    shortcut: str | None
    start_year: int | None
    finance: Path
    csv_addresses: tuple[str, ...] = ()  # where single sheets are published as CSV
    search: str | None = None  # which of NetFile's searches to ask: connect2, portal

    @property
    def agency(self) -> str:
        """Return what stands for the agency in ids: the shortcut, else the subdomain."""
        return self.shortcut or self.subdomain

    @property
    def drop(self) -> Path:
        """Return the folder that an operator may put files in."""
        return self.finance / "drop"

    @property
    def raw(self) -> Path:
        """Return the folder of the files as they came."""
        return self.finance / "raw"

    @property
    def manifest(self) -> Path:
        """Return the file that says what is in `raw`."""
        return self.raw / "manifest.json"

    @property
    def staged(self) -> Path:
        """Return the database that `finance-transform` made and `finance-load` will publish."""
        return self.finance / "election_finance.staged.db"

    @property
    def database(self) -> Path:
        """Return the published database."""
        return self.finance / "election_finance.db"

    def why_not(self) -> str | None:
        """Return why nothing can be had for this site, or None if something can."""
        if self.shortcut or self.csv_addresses or self.drop.is_dir():
            return None
        return (
            f"no NetFile agency is known for {self.subdomain}: put netfile_agency into the site's extra, "
            f'such as --extra \'{{"netfile_agency": "COAK"}}\', or put files into {self.drop}; '
            f"`clerk-tasks finance sources {self.subdomain}` says which"
        )


def finance_site(row: Mapping[str, Any]) -> FinanceSite:
    """Return a row of `sites` as a FinanceSite; UsageError for a malformed subdomain or shortcut."""
    subdomain = str(row["subdomain"])
    folder = site_dir(subdomain)
    known = known_agencies().get(subdomain)
    name = str(row.get("name") or (known.name if known else ""))
    if row.get("kind") == "county" and "county" not in name.lower():
        name += " County"  # else gifts from the city of Napa would count as from within Napa County's "city"
    shortcut = shortcut_for(subdomain, row.get("extra"))
    more = (csv_addresses(subdomain, row.get("extra")), search_wanted(subdomain, row.get("extra")))
    return FinanceSite(subdomain, name, shortcut, row.get("start_year"), folder / "finance", *more)


def find_finance_site(subdomain: str) -> FinanceSite:
    """Look a site up in the database and return it as a FinanceSite; NotFoundError for an unknown one."""
    with reading() as connection:
        return finance_site(require_site(connection, subdomain))


@contextmanager
def workspace(site: FinanceSite) -> Iterator[Path]:
    """Make a folder on the same file system as the results, for the length of a with block."""
    site.finance.mkdir(parents=True, exist_ok=True)
    for left in site.finance.glob(".work-*"):
        if left.stat().st_mtime < time.time() - _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".work-", dir=site.finance, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
