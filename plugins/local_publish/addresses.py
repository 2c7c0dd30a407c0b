"""Where readers of a meetings.db get our copies of its documents, and the pictures of their pages: below /static/."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from clerk.fetching.layout import PREFIXES
from clerk.publication import open_database
from plugins.local_publish.static import STATIC


def write_addresses(database: Path, static: Path, subdomain: str) -> None:
    """Write the addresses of the files in the folder `static` into a database that is not published yet.

    What is not there gets none. Nothing happens to a database without the table `document`, as other programs make it.
    """
    with closing(open_database(database, "rw")) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")  # it also leaves the WAL mode
        try:
            documents = connection.execute("SELECT document_id, suffix FROM document").fetchall()
        except sqlite3.OperationalError:
            return
        found = ((*_addresses(static, subdomain, *row), row[0]) for row in documents)
        changes = [change for change in found if any(change[:2])]
        connection.execute("BEGIN")
        connection.executemany("UPDATE document SET file_url = ?, pictures_base = ? WHERE document_id = ?", changes)
        connection.execute("COMMIT")


def _addresses(static: Path, subdomain: str, document_id: str, suffix: str | None) -> tuple[str | None, str | None]:
    """Return the address of a document's file, and what the addresses of its pictures begin with."""
    kind, meeting, date = document_id.split("/", 2)
    folder = "/".join(filter(None, (subdomain, PREFIXES[kind])))
    file = f"{folder}/_pdfs/{meeting}/{date}{suffix or '.pdf'}"
    has_file, has_pictures = (static / file).is_file(), (static / folder / meeting / date).is_dir()
    return (
        quote(f"/{STATIC}/{file}") if has_file else None,
        quote(f"/{STATIC}/{subdomain}") if has_pictures else None,
    )
