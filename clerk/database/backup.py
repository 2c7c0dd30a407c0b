"""A copy of a SQLite file as it is now, made before anything is changed in it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from glob import escape
from pathlib import Path

from clerk.errors import ClerkError
from clerk.fsync import ABANDONED, flush, remove_abandoned


def back_up(source: Path, label: str) -> Path:
    """Copy a SQLite file to `{name}.backup-{label}-{time}` beside it and return that path.

    The copy is complete or absent. It may be made while the caller holds the write lock, and then nothing of
    what others do can fall between the copy and the caller's changes. ClerkError if it cannot be written.
    """
    target = source.with_name(f"{source.name}.backup-{label}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    partial = target.with_name(target.name + ".partial")
    remove_abandoned(source.parent, f"{escape(source.name)}.backup-*.partial", age=ABANDONED)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL, 0o600))
        partial.chmod(source.stat().st_mode & 0o777)  # as private as what it copies
        with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(partial)) as writer:
            reader.backup(writer)
        flush(partial)
        partial.replace(target)
        flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink()
        raise ClerkError(f"Cannot back up {source} to {target}: {error}. Nothing was changed.") from error
    return target
