"""What became of a site's documents in one fetch: counts for machines, reasons for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clerk.fetching.failure_notes import Place, forget_download, note_download
from clerk.fetching.http_errors import NotServed
from clerk.fetching.layout import Layout

#: This many documents in a row that cannot be had mean that the server is down.
DOWN = 5

#: How many reasons are shown, and how much of each.
REASONS, LENGTH = 5, 300


@dataclass
class Report:
    """What became of the documents; each list holds paths or reasons for people to read."""

    fetched: list[str] = field(default_factory=list)
    revised: list[str] = field(default_factory=list)
    unchanged: int = 0
    unavailable: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left_out: int = 0  # rows of the source's list that could not be read
    asked: int = 0  # downloads that were tried
    known: int = 0  # documents among the failed that failed in an earlier run already

    def __str__(self) -> str:
        """Sum it up in a line."""
        return (
            f"{len(self.fetched)} new, {len(self.revised)} revised, {self.unchanged} unchanged, "
            f"{len(self.unavailable)} not available, {len(self.failed)} failed"
        )

    @property
    def all_failed(self) -> bool:
        """Return whether every download that was tried has failed.

        A few that fail day after day mean nothing on a day without any others: they are listed, and tried again.
        """
        of_old = self.known == len(self.failed) < DOWN
        return 0 < self.asked == len(self.failed) and not of_old

    def missed(self, layout: Layout, place: Place, error: Exception, *, url: str) -> bool:
        """Count and note a document that could not be had; return whether it failed, and had not in earlier runs."""
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
        """Return what the job's row keeps of it."""
        counts = {name: len(getattr(self, name)) for name in ("fetched", "revised", "unavailable", "failed")}
        return {**counts, "unchanged": self.unchanged, "left_out": self.left_out, "reasons": self.reasons()}
