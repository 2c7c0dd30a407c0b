"""What goes into published databases besides the site's own: the documents' hashes, and the list of sites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clerk.database.tables import sites_table
from clerk.database.transactions import reading
from clerk.fetching.layout import PREFIXES
from clerk.fetching.titles import document_titles
from clerk.sites.deployed import as_deployed
from clerk.sites.rows import get_all_sites
from clerk.text.tree import RECORD

#: Columns of `sites` that are for operators only: they may hold an access token, or say where files are.
PRIVATE = ("extra", "last_error_stage", "last_error_message", "last_error_at")


def document_hashes(site_dir: Path) -> dict[str, str]:
    """Return {kind/meeting/date: SHA-256 of the PDF} of the documents whose texts know what they were read from."""
    found = {}
    for kind, prefix in PREFIXES.items():
        for record in sorted((site_dir / prefix / "txt").glob(f"*/*/{RECORD}")):
            try:
                found[f"{kind}/{record.parent.parent.name}/{record.parent.name}"] = str(
                    json.loads(record.read_text(encoding="utf-8"))["sha256"]
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue  # a page of unknown origin is still a page
    return found


def titles_of(site_dir: Path) -> dict[str, str]:
    """Return {kind/meeting/date: title} of the documents that the city gave a title."""
    return {"/".join(place): title for place, title in document_titles(site_dir).items()}


def write_sites(path: Path) -> list[dict[str, Any]]:
    """Write the table `sites` into a new database, all columns that front ends map, the private ones empty.

    Return the rows.
    """
    with reading() as connection:
        rows = [as_deployed(row) for row in get_all_sites(connection, order_by="subdomain")]
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        sites_table.create(connection)
        if rows:
            connection.execute(sites_table.insert(), [{**row, **dict.fromkeys(PRIVATE)} for row in rows])
    return rows
