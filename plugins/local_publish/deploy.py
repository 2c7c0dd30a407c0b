"""Publishes a site's databases and the list of sites, from STORAGE_DIR and the sites' rows."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from clerk.errors import SettingError, UsageError
from clerk.fsync import hash_file
from clerk.jobs import current_job
from clerk.paths import inside, site_dir, validate_subdomain
from clerk.publication import (
    Refused,
    check_database,
    input_fingerprint,
    is_to_be_published,
    last_row_count,
    open_database,
    provenance,
    shrink_accepted,
    stamp,
)
from clerk.reading.configuration import write_configuration
from clerk.reading.index import forget_unpublished, update_index
from clerk.reading.published import CONFIGURATION, DATABASE_FILES, INDEX, LIST_OF_SITES, published_files
from clerk.settings import settings
from plugins.local_publish.addresses import write_addresses
from plugins.local_publish.content import document_hashes, titles_of, write_sites
from plugins.local_publish.municipalities import known_municipalities, write_municipalities
from plugins.local_publish.shelf import Shelf, Version, locked
from plugins.local_publish.static import STATIC

log = logging.getLogger(__name__)

#: What a site publishes, below its folder in STORAGE_DIR and below its folder in CLERK_PUBLISH_DIR.
DATABASES = tuple(DATABASE_FILES.values())

#: What CLERK_PUBLISH_DIR holds besides the sites' folders.
TAKEN = (LIST_OF_SITES, STATIC, INDEX, f"{INDEX}-journal", CONFIGURATION)

#: How many pages of a database are copied between two looks at whether the job is still wanted.
_STRIDE = 8192


class Outcome(StrEnum):
    """What became of one database."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    WITHDRAWN = "withdrawn"  # it was rolled back, and is still the same
    MISSING = "missing"  # there is nothing to publish yet


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one database, and the version that readers see now."""

    database: str
    outcome: Outcome
    version: Version | None = None


def publish_site(subdomain: str, *, wait: bool = False) -> list[Report]:
    """Publish a site's databases; nothing happens without CLERK_PUBLISH_DIR.

    Each is published or refused by itself; raises Refused in the end if any was, ConflictError if another process
    is publishing this site, unless it is to `wait` for that to end.
    """
    if settings().publish_dir is None:
        return []
    reports, refusals = [], []
    with locked(site_folder(subdomain), wait=wait):
        for shelf in filter(_is_wanted, shelves(subdomain)):
            try:
                reports.append(_publish(shelf, subdomain))
            except Refused as refusal:
                refusals.append(str(refusal))
    show_readers(subdomain)
    if refusals:
        raise Refused("; ".join(refusals))
    return reports


def publish_sites(deployed: str | None = None) -> None:
    """Publish the list of sites, as they are now; nothing happens without CLERK_PUBLISH_DIR.

    If one site was `deployed`, the files of the others are not looked at again.
    """
    if settings().publish_dir is None:
        return
    folder = publish_dir()
    shelf = Shelf(folder, LIST_OF_SITES)
    # Two sites may be deployed at once, and the later must see the earlier's row.
    with locked(folder, wait=True), shelf.making() as new:
        sites = write_sites(new)
        known = known_municipalities(shelf.live, without=deployed) if deployed else {}
        write_municipalities(new, sites, published=folder, databases=DATABASES, known=known)
        _check_and_stamp(shelf, hash_file(new), {})
        current_job().commit_files({new: shelf.live})
    _configure(folder)


def show_readers(subdomain: str) -> None:
    """Bring the search index and Datasette's configuration up to date with what is published of a site now."""
    folder = publish_dir()
    if update_index(folder, [subdomain]):
        _configure(folder)


def index_everything() -> list[str]:
    """Bring the search index and Datasette's configuration up to date with every published database.

    Returns the names of the databases that Datasette serves.
    """
    folder = publish_dir()
    files = sorted(published_files(folder))
    update_index(folder, dict.fromkeys(file.subdomain for file in files))
    forget_unpublished(folder)
    _configure(folder)
    return [file.name for file in files]


def _configure(folder: Path) -> None:
    with locked(folder, wait=True):  # the last one that writes has seen what the others published
        write_configuration(folder)


def publish_dir() -> Path:
    """Return CLERK_PUBLISH_DIR; SettingError if it is not set."""
    folder = settings().publish_dir
    if folder is None:
        raise SettingError("CLERK_PUBLISH_DIR is not set: name the folder to publish into")
    return folder.absolute()


def site_folder(subdomain: str) -> Path:
    """Return the folder that a site is published in; UsageError if the subdomain is not one."""
    if validate_subdomain(subdomain) in TAKEN:
        raise UsageError(f"a site called {subdomain!r} cannot be published: its folder's name is taken")
    return inside(publish_dir(), subdomain)


def shelves(subdomain: str) -> list[Shelf]:
    """Return where a site's databases are published."""
    folder = site_folder(subdomain)
    return [Shelf(folder, name) for name in DATABASES]


def _is_wanted(shelf: Shelf) -> bool:
    return is_to_be_published(shelf.name)


def _publish(shelf: Shelf, subdomain: str) -> Report:
    """Publish a site's database, if there is one and reason to."""
    source = site_dir(subdomain) / shelf.name
    if not source.exists():
        return Report(shelf.name, Outcome.MISSING, shelf.current())
    current_job().progress(f"publishing {shelf.name}")
    with shelf.making() as new:
        _copy(source, new)
        write_addresses(new, publish_dir() / STATIC, subdomain)
        content = hash_file(new)
        if (known := provenance(shelf.live)) and known.content_hash == content:
            return Report(shelf.name, Outcome.UNCHANGED, shelf.tidy(keep=settings().publish_keep))
        if shelf.is_withdrawn(content, input_fingerprint(new)):
            log.warning("%s stays rolled back: what would be published is what was rolled back", shelf.live)
            return Report(shelf.name, Outcome.WITHDRAWN, shelf.current())
        if not shelf.live.exists() and last_row_count(new) == 0:
            return Report(shelf.name, Outcome.MISSING)  # a new site's quiet days
        sources = {**document_hashes(source.parent), source.name: content}
        _check_and_stamp(shelf, content, sources, titles=titles_of(source.parent), source=source)
        return Report(shelf.name, Outcome.PUBLISHED, shelf.put(keep=settings().publish_keep))


def _check_and_stamp(
    shelf: Shelf,
    content: str,
    sources: Mapping[str, str],
    *,
    titles: Mapping[str, str] = MappingProxyType({}),
    source: Path | None = None,
) -> None:
    rows = check_database(
        shelf.new, last_rows=last_row_count(shelf.live), accept_shrink=shrink_accepted(), called=source or shelf.live
    )
    stamp(shelf.new, run_id=current_job().run_id, content_hash=content, rows=rows, sources=sources, titles=titles)


def _copy(source: Path, new: Path) -> None:
    """Copy a consistent snapshot of a database, also while it is written to."""
    try:
        with closing(open_database(source, "ro")) as old, closing(sqlite3.connect(new)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("PRAGMA journal_mode = OFF")
            old.backup(copy, pages=_STRIDE, progress=lambda *_: current_job().checkpoint())
    except sqlite3.OperationalError:
        raise  # locked, or no room: another attempt may help
    except sqlite3.DatabaseError as error:
        raise Refused(f"{source} was not published, it cannot be read ({error}): make it again") from None
