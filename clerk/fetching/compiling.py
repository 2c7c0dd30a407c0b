"""Compilation with everything that fetching knows of a site's documents."""

from __future__ import annotations

from clerk.compilation.compile import Compiled, compile_meetings
from clerk.fetching.layout import Layout
from clerk.fetching.origins import origins_of
from clerk.fetching.titles import packets
from clerk.jobs import current_job


def compile_in_place(layout: Layout, subdomain: str) -> Compiled:
    """Build a site's meetings.db, and put it in place as a whole, if this attempt still owns the job."""
    root = layout.root
    made = compile_meetings(root, subdomain, packets=packets(root), origins=origins_of(root), into=layout.temporary())
    current_job().commit_files({made.path: root / "meetings.db"})
    return made
