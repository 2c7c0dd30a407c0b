"""The outcomes of one fetch: counts for machines, reasons for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clerk.fetching.failure_notes import DocumentPlace, forget_download, note_download
from clerk.fetching.http_errors import NotServed
from clerk.fetching.layout import Layout

#: After this many failed downloads in a row, the server is taken to be down.
DOWN = 5

#: How many reasons are shown, and how many characters of each.
REASONS, LENGTH = 5, 300


@dataclass
class FetchReport:
    """The outcomes of the downloads; each list holds names or reasons for people to read."""

    fetched: list[str] = field(default_factory=list)
    revised: list[str] = field(default_factory=list)
    unchanged: int = 0
    withdrawn: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    owed: int = 0  # documents of the source that are not downloaded yet, whether or not they were asked for now
    left_out: int = 0  # rows of the source's list that could not be read
    asked: int = 0  # downloads that were tried
    known: int = 0  # documents among the failed that failed in an earlier run already

    def __str__(self) -> str:
        """Summarise it in one line."""
        return (
            f"{len(self.fetched)} new, {len(self.revised)} revised, {self.unchanged} unchanged, "
            f"{len(self.unavailable)} not available, {len(self.failed)} failed"
        )

    @property
    def all_failed(self) -> bool:
        """Return whether every attempted download failed.

        A few that failed in earlier runs too, on a day without other documents, do not count.
        """
        of_old = self.known == len(self.failed) < DOWN
        return 0 < self.asked == len(self.failed) and not of_old

    def missed(self, layout: Layout, place: DocumentPlace, error: Exception, *, url: str) -> bool:
        """Count and note a document that could not be downloaded; return whether it failed for the first time."""
        kind, meeting, date = place
        reason = f"{meeting}/{date} ({kind}): {error}"
        if isinstance(error, NotServed):
            self.unavailable.append(reason)
            forget_download(layout, place)
            return False
        self.failed.append(reason)
        new = note_download(layout, place, reason=str(error), url=url)
        self.known += not new
        return new

    def reasons(self) -> list[str]:
        """Return the first few reasons why documents are missing."""
        return [reason[:LENGTH] for reason in [*self.failed, *self.unavailable][:REASONS]]

    def as_result(self) -> dict[str, Any]:
        """Return it as the result of the job."""
        counts = {
            name: len(getattr(self, name)) for name in ("fetched", "revised", "unavailable", "failed", "withdrawn")
        }
        return {
            **counts,
            "unchanged": self.unchanged,
            "owed": self.owed,
            "left_out": self.left_out,
            "reasons": self.reasons(),
        }
