"""Towns in a soak: meetings fetched, read, compiled and deployed by the real pipeline while everything breaks."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from clerk.database.transactions import transaction
from clerk.errors import ConflictError
from clerk.sites.rows import insert_site
from clerk_tasks.operations import updates
from devtools import papers_plugin
from devtools.papers import another_day, paper
from devtools.processes import wait_for
from devtools.system import System

NAMES = ("alder.ca", "birch.ca", "cedar.ca")


class Towns:
    """Three towns that share one folder of papers, to which one is added now and then."""

    def __init__(self, system: System, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.system, self.papers = system, folder / "papers/Council"
        self.papers.mkdir(parents=True)
        (folder / "gates").mkdir()
        monkeypatch.setenv("PAPERS", str(folder / "papers"))
        monkeypatch.setenv("GATES", str(folder / "gates"))
        shutil.copy(papers_plugin.__file__, folder / "plugins")
        with transaction() as connection:
            for name in NAMES:
                insert_site(connection, {"subdomain": name, "name": name, "state": "CA", "scraper": "folder"})

    def turn(self, rng: Random) -> None:
        """Now and then add a paper, or begin a passage; whatever is published is whole at every moment."""
        if rng.random() < 0.02 and (known := len(list(self.papers.glob("*.pdf")))) < 60:
            day = another_day(known)
            (self.papers / f".{day}").write_bytes(paper(f"day {day}"))
            (self.papers / f".{day}").rename(self.papers / f"{day}.pdf")
        if rng.random() < 0.05:
            with suppress(ConflictError):  # a passage of this town is under way
                updates.update_meetings(rng.choice(NAMES))
        for name in NAMES:
            self._pages(name)

    def finish(self) -> int:
        """Make a last passage of each town in peace; return the pages, once each has every page of every paper."""
        runs = [updates.update_meetings(name).job_ids[0] for name in NAMES]
        for job_id in runs:
            run_id = self.system.job(job_id)["run_id"]
            wait_for(
                lambda run_id=run_id: self.system.run(run_id)["state"] == "completed",  # type: ignore[misc]
                f"run {run_id} completes",
                deadline=120,
                logs=lambda run_id=run_id: str(self.system.run(run_id)),  # type: ignore[misc]
            )
        days = sorted(path.stem for path in self.papers.glob("*.pdf"))
        for name in NAMES:
            assert self._pages(name) == [(day, 1) for day in days], name
        return len(NAMES) * len(days)

    @staticmethod
    def _pages(name: str) -> list[tuple[str, int]]:
        """Return (date, page) of a town's meetings.db, which is whole if it is there."""
        file = Path(os.environ["STORAGE_DIR"], name, "meetings.db")
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            return database.execute("SELECT date, page FROM minutes ORDER BY 1, 2").fetchall()
