"""One published database: the file that readers open, and the last versions of it, to go back to."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clerk.errors import ClerkError, ConflictError, NotFoundError
from clerk.fsync import hash_file
from clerk.jobs import current_job
from clerk.private import open_private
from clerk.publication import input_fingerprint, provenance

VERSIONS = ".versions"

_NAME = re.compile(r"(\d{4,})-([0-9a-f]{12})")


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A database that was published once; the higher the number, the later."""

    number: int
    content: str  # what the hash of its content begins with
    path: Path

    @property
    def name(self) -> str:
        """Return what operators call it."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a database called `name` is published, below `folder`: `{folder}/{name}`.

    A version is a second hard link to a file that was once put there, made after that was done. So the published
    file is whole whatever becomes of the versions, and what never was published is not among them.
    """

    folder: Path
    name: str

    @property
    def live(self) -> Path:
        """Return the file that readers open."""
        return self.folder / self.name

    @property
    def new(self) -> Path:
        """Return where to make what comes next; only for the holder of the lock."""
        return self._versions / "new" / self.live.name

    @property
    def _versions(self) -> Path:
        return self.folder / VERSIONS / Path(self.name).with_suffix("")

    @contextmanager
    def making(self) -> Iterator[Path]:
        """Give the path `new` in an empty folder; what is left over goes, and what killed processes left."""
        # A journal that was left beside a new database would be rolled back into it.
        shutil.rmtree(self.new.parent, ignore_errors=True)
        self.new.parent.mkdir(parents=True)
        try:
            yield self.new
        finally:
            shutil.rmtree(self.new.parent, ignore_errors=True)

    def versions(self) -> list[Version]:
        """List the versions that are kept, oldest first."""
        found = ((_NAME.fullmatch(path.stem), path) for path in self._versions.glob("*.db"))
        return sorted(Version(int(match[1]), match[2], path) for match, path in found if match)

    def current(self) -> Version | None:
        """Return the version that readers see."""
        return next((version for version in self.versions() if _is_same(version.path, self.live)), None)

    def is_withdrawn(self, content_hash: str, fingerprint: str | None = None) -> bool:
        """Return whether this content was published and then rolled back: it is a version after the current one.

        So is another database of the same input, known by its `fingerprint`, unless the current one is of it too.
        """
        current = self.current()
        later = [version for version in self.versions() if current and version > current]
        if any(content_hash.startswith(version.content) for version in later):
            return True
        if fingerprint in (None, input_fingerprint(self.live)):
            return False
        return any(input_fingerprint(version.path) == fingerprint for version in later)

    def put(self, *, keep: int) -> Version:
        """Publish the finished file `new`, and keep the last `keep` versions, it included.

        What was rolled back before is forgotten: to go back from here leads to what was good.
        """
        current = self._remember()
        current_job().checkpoint()
        for version in self.versions():
            if current and version > current:
                version.path.unlink()
        self._swap()
        return self.tidy(keep=keep)

    def tidy(self, *, keep: int) -> Version:
        """Finish what a killed `put` began: the live file is a version, and there are no more than `keep`."""
        current = self._remember()
        if current is None:
            raise NotFoundError(f"{self.live} is not there: publish it first")
        for version in self.versions()[:-keep]:
            if version != current:
                version.path.unlink()
        return current

    def roll_back(self, to: str | None = None) -> Version:
        """Publish an older version again, by default the one before the current, or any that is named."""
        current = self._remember()
        if current is None:
            raise NotFoundError(f"{self.live} is not there: publish it first")
        target = self._named(to) if to else self._before(current)
        if target == current:
            raise ConflictError(f"{self.name}: {target.name} is what is published now")
        with self.making() as new:
            _link(target.path, new)
            self._swap()
        return target

    def _swap(self) -> None:
        self._require_no_writer()
        self.new.chmod(0o444)  # versions share the file, so that a change would change them all
        current_job().commit_files({self.new: self.live})

    def _require_no_writer(self) -> None:
        """Raise ConflictError if there is a journal, which would be taken for that of the file that comes."""
        for suffix in ("-wal", "-journal"):
            journal = self.live.with_name(self.live.name + suffix)
            if journal.exists() and journal.stat().st_size:
                raise ConflictError(f"{journal} exists: a program writes into a published database; stop it first")
            journal.unlink(missing_ok=True)  # an empty one is left by who only reads a file in WAL mode

    def _named(self, name: str) -> Version:
        for version in self.versions():
            if name in (version.name, str(version.number)):
                return version
        kept = ", ".join(version.name for version in self.versions())
        raise NotFoundError(f"{self.name} has no version {name!r}; there are {kept}")

    def _before(self, current: Version) -> Version:
        older = [version for version in self.versions() if version < current]
        if not older:
            raise NotFoundError(
                f"{self.name}: no version before {current.name} is kept (CLERK_PUBLISH_KEEP says how many)"
            )
        return older[-1]

    def _remember(self) -> Version | None:
        """Make the live file a version, unless it is one; None if there is no live file."""
        current = self.current()
        if current is None and self.live.exists():
            number = max((version.number for version in self.versions()), default=0) + 1
            self._versions.mkdir(parents=True, exist_ok=True)
            _link(self.live, self._versions / f"{number:04}-{_content(self.live)[:12]}.db")
            current = self.current()
        return current


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock a folder, which is created, for publishing; with `wait` wait for the lock, else raise ConflictError."""
    folder.mkdir(parents=True, exist_ok=True)
    with _lock_file(folder / ".lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ConflictError(f"another process is publishing into {folder}: try again in a moment") from None
        yield


def _lock_file(path: Path) -> IO[str]:
    """Open a lock's file so that no reader of the folder can lock it."""
    try:
        return open_private(path)
    except PermissionError as error:
        raise ClerkError(
            f"{path}: {error.strerror}; publish as the file's owner, or change its owner with chown"
        ) from None


def _content(path: Path) -> str:
    """Return the hash of a database's content; of one that we did not publish, that of the file."""
    known = provenance(path)
    return known.content_hash if known else hash_file(path)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except FileNotFoundError:
        return False


def _link(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError as error:
        raise ClerkError(
            f"cannot link {other} to {path} ({error.strerror}): CLERK_PUBLISH_DIR needs hard links"
        ) from None
