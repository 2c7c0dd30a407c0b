"""What a job works from: a site's manifest and its yearly files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from clerk.fsync import hash_file
from plugins.election_finance import manifest as manifests
from plugins.election_finance.manifest import Manifest, SourceFile
from plugins.election_finance.site_paths import FinanceSite, workspace
from plugins.election_finance.sources.known import KNOWN_SOURCES
from plugins.election_finance.workbook import Workbook


class Inputs:
    """Reads the manifest, hashes each file and reads each file at most once."""

    def __init__(self, site: FinanceSite, stack: ExitStack) -> None:
        self.site = site
        self._stack = stack
        self._hashes: dict[Path, str] = {}
        self._workbooks: dict[tuple[str, str], Workbook] = {}

    @cached_property
    def work(self) -> Path:
        """Return a folder to work in, made when it is first needed."""
        return self._stack.enter_context(workspace(self.site))

    @cached_property
    def manifest(self) -> Manifest | None:
        """Return the manifest, None where nothing was extracted yet."""
        return manifests.load(self.site.manifest)

    def sha256(self, path: Path) -> str:
        """Return the SHA-256 of a file, in hexadecimal."""
        if path not in self._hashes:
            self._hashes[path] = hash_file(path)
        return self._hashes[path]

    def stored(self, source: SourceFile) -> Path | None:
        """Return the stored file of a source; None if it is gone or has changed."""
        path = self.site.raw / str(source.file)
        return path if source.file and path.is_file() and self.sha256(path) == source.sha256 else None

    def workbook(self, path: Path, source: SourceFile) -> Workbook:
        """Read the file of a source as a workbook; BadSource where it cannot be used. Its cells are kept in `work`."""
        which = (source.key, self.sha256(path))
        if which not in self._workbooks:
            into = self.work / f"{source.source_id}-{which[1]}"
            self._workbooks[which] = KNOWN_SOURCES[source.format].read(path, source.url, into)
        return self._workbooks[which]

    def replaced(self, moves: Mapping[Path, Path], manifest: Manifest) -> None:
        """Note that files were moved into place, and the manifest that they are now described by."""
        for path, target in moves.items():
            self._hashes[target] = self._hashes.pop(path)
        self.manifest = manifest


@contextmanager
def inputs_of(site: FinanceSite) -> Iterator[Inputs]:
    """Give the inputs of a site for the length of a with block."""
    with ExitStack() as stack:
        yield Inputs(site, stack)
