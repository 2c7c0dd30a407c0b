"""The published databases of a folder, and the names by which Datasette serves them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Kind of database -> where it is published, below the site's folder.
DATABASE_FILES = {"meetings": "meetings.db", "finance": "finance/election_finance.db"}

#: The search index over all sites, and Datasette's configuration, in the published folder.
INDEX = "all-cities.db"
CONFIGURATION = "datasette.yaml"

#: The pictures and documents, in the published folder.
PICTURES = "static"

#: The list of sites, in the published folder.
LIST_OF_SITES = "sites.db"

#: What Datasette calls the index, and the list of sites.
INDEX_NAME, SITES_NAME = "all-cities", "sites"

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class PublishedDatabase:
    """One published database of a site: "meetings" or "finance"."""

    subdomain: str
    kind: str
    path: Path

    @property
    def name(self) -> str:
        """Return what Datasette calls it."""
        return database_name(self.subdomain, self.kind)


def database_name(subdomain: str, kind: str) -> str:
    """Return the name of a site's database in addresses: alameda-ca-meetings.

    Dots become hyphens, and hyphens two: no two sites share a name, and a name never changes.
    """
    return f"{subdomain.replace('-', '--').replace('.', '-')}-{kind}"


def published_files(folder: Path) -> Iterator[PublishedDatabase]:
    """Yield the databases that are published in a folder, by site."""
    for site in sorted(folder.iterdir()) if folder.is_dir() else ():
        yield from files_of(folder, site.name)


def files_of(folder: Path, subdomain: str) -> Iterator[PublishedDatabase]:
    """Yield a site's published databases; none for a name that is no subdomain."""
    if _SUBDOMAIN.fullmatch(subdomain):
        for kind, name in DATABASE_FILES.items():
            path = folder / subdomain / name
            if path.is_file():
                yield PublishedDatabase(subdomain, kind, path)
