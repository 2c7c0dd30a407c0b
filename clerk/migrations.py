"""What operators' scripts for the RQ-based clerk ask about sites.

`recover_stuck_site` and `migrate_stuck_sites` are missing: `clerk-tasks doctor --fix` mends what is recorded.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from clerk.database.clock import now
from clerk.database.tables import sites_table as sites
from clerk.database.transactions import reading
from clerk.meetings.site import layout_of

__all__ = ["count_pdf_files", "count_txt_files", "find_stuck_sites"]


def count_txt_files(subdomain: str) -> int:
    """Count a site's minutes that were read: their folders that hold the text of a page."""
    return sum(any(folder.glob("*.txt")) for folder in layout_of(subdomain).all_read("minutes"))


def count_pdf_files(subdomain: str) -> int:
    """Count a site's PDFs that wait to be read."""
    layout = layout_of(subdomain)
    waiting = [file for kind in ("minutes", "agenda") for file in layout.all_waiting(kind)]
    return sum(file.suffix.lower() == ".pdf" for file in waiting)


def find_stuck_sites(threshold_hours: int = 2) -> list[Any]:
    """Return the rows of sites in a stage other than "completed" that has not changed for so many hours."""
    before = now(-timedelta(hours=threshold_hours).total_seconds())
    stuck = select(sites).where(sites.c.current_stage != "completed", sites.c.updated_at < before)
    with reading() as connection:
        return list(connection.execute(stuck).all())
