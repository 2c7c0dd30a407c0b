"""kill -9 of any process at any stage: the run ends, with every document once."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from clerk.database.engine import create_engine
from clerk.database.transactions import transaction
from clerk.sites.rows import insert_site
from clerk_tasks.ledger import queries
from clerk_tasks.operations import updates
from devtools import papers_plugin
from devtools.ledger_laws import Ledger, check
from devtools.papers import WORDS, another_day, paper
from devtools.pdfs import Pdf, photographed
from devtools.processes import Program, Programs, wait_for
from tests.integration.pipeline.city import SITE

pytestmark = [pytest.mark.slow, pytest.mark.fault("F1", "F2")]

DAYS = [another_day(day) for day in range(3)]
GATES = ("fetch", "ocr", "compilation", "compiled", "deploy", "deployed")


class Works:
    """A city of three papers, a worker, and gates."""

    def __init__(self, programs: Programs, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs, self.root, self.gates, self.papers = programs, folder / "sites" / SITE, folder / "gates", folder
        self.engine = create_engine(url, durable=False)
        self.gates.mkdir()
        (folder / "plugins").mkdir()
        shutil.copy(papers_plugin.__file__, folder / "plugins")
        for name, value in {
            "PAPERS": str(folder / "papers"),
            "GATES": str(self.gates),
            "CLERK_PLUGINS_DIR": str(folder / "plugins"),
            "CLERK_LEASE": "6",
            "CLERK_RELAY_INTERVAL": "0.5",
        }.items():
            monkeypatch.setenv(name, value)
        with transaction() as connection:
            insert_site(connection, {"subdomain": SITE, "name": "Millbrook", "state": "CA", "scraper": "folder"})

    def publish(self, date: str, content: bytes) -> None:
        """Put a paper where the fetcher finds it."""
        target = self.papers / "papers/Council" / f"{date}.pdf"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def worker(self) -> Program:
        """Start a worker of all pools, one job at a time."""
        worker = self.programs.clerk("worker", "-c", "1")
        worker.wait_for_log("ready", deadline=60)
        return worker

    def update(self) -> str:
        """Begin a run, and return its id."""
        (first, *_) = updates.update_meetings(SITE).job_ids
        with self.engine.connect() as connection:
            return str(queries.show_job(connection, first)["run_id"])

    def close(self, gate: str) -> None:
        """Stop the next who comes by."""
        (self.gates / gate).touch()

    def wait_at(self, gate: str, worker: Program) -> int:
        """Return the process id of whoever has come to a closed gate."""
        reached = self.gates / f"{gate}.reached"
        wait_for(lambda: reached.exists() and reached.read_text(), f"somebody is at {gate}", logs=lambda: worker.log)
        return int(reached.read_text())

    def open(self, gate: str) -> None:
        """Let everybody pass."""
        (self.gates / gate).unlink()

    def wait_for_end(self, run_id: str) -> None:
        """Wait for the run's end; every document is in its place once."""
        wait_for(lambda: self.state(run_id) != "running", "the run ends", deadline=60, logs=self.programs.logs)
        with self.engine.connect() as connection:
            check(Ledger.read(connection))
        assert self.state(run_id) == "completed"
        dates = sorted(path.stem for path in (self.papers / "papers/Council").glob("*.pdf"))
        with closing(sqlite3.connect(self.root / "meetings.db")) as database:
            rows = database.execute("SELECT date, page FROM minutes ORDER BY 1, 2").fetchall()
        assert rows == [(date, page) for date in dates for page in range(1, self.pages(date) + 1)]
        assert sorted(path.stem for path in self.root.glob("processed/*/*.txt")) == dates
        assert sorted(path.name for path in self.root.glob("txt/Council/*")) == dates
        assert list(self.root.glob("pdfs/*/*")) == []
        assert list(self.root.glob("failed/*/*")) == []

    def pages(self, date: str) -> int:
        """Return how many pages were read of a paper."""
        return len(list((self.root / "txt/Council" / date).glob("*.txt")))

    def state(self, run_id: str) -> str:
        """Return a run's state."""
        with self.engine.connect() as connection:
            return str(queries.show_run(connection, run_id)["state"])

    def note(self) -> str:
        """Return what the running job says that it does."""
        with self.engine.connect() as connection:
            return str(connection.execute(sa.text("SELECT note FROM jobs WHERE state = 'running'")).scalar())


@pytest.fixture
def works(
    programs: Programs, sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Works:
    monkeypatch.setenv("BROKER_URL", redis_url)
    made = Works(programs, sqlite_url, tmp_path, monkeypatch)
    for date in DAYS:
        made.publish(date, paper("one", "two"))
    return made


@pytest.mark.parametrize("gate", GATES)
def test_a_child_is_killed(works: Works, gate: str) -> None:
    works.close(gate)
    worker, run_id = works.worker(), works.update()
    child = works.wait_at(gate, worker)
    psutil.Process(child).kill()
    works.open(gate)
    works.wait_for_end(run_id)
    assert worker.alive


@pytest.mark.parametrize("gate", GATES)
def test_a_worker_is_killed(works: Works, gate: str) -> None:
    """The child that it leaves behind wakes up only when another worker has taken over, and is fenced off."""
    works.close(gate)
    worker, run_id = works.worker(), works.update()
    works.wait_at(gate, worker)
    worker.kill()
    (works.gates / f"{gate}.reached").unlink()
    other = works.worker()
    works.wait_at(gate, other)
    works.open(gate)
    works.wait_for_end(run_id)


def test_the_process_that_reads_is_killed_in_the_middle_of_a_document(works: Works) -> None:
    """The document is read to its end, by another process."""
    scan = Pdf()
    for _ in range(6):
        scan.picture(*photographed(Pdf().text(*WORDS).made()))
    works.publish(DAYS[0], scan.made())
    worker, run_id = works.worker(), works.update()
    wait_for(lambda: (works.note() or "").startswith("page"), "a page is being read", logs=lambda: worker.log)
    (reader,) = [child for child in worker.children() if "clerk.text.child" in child.cmdline()]
    reader.send_signal(signal.SIGKILL)
    works.wait_for_end(run_id)
    assert works.pages(DAYS[0]) == 6
