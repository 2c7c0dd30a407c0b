"""A city whose papers a test puts in place, and a worker without a process of its own: nothing waits for a clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from clerk import Fetcher, hookimpl
from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table
from clerk.database.transactions import reading, transaction
from clerk.sites.rows import insert_site, require_site
from clerk_tasks.ledger import leases, publications, queries
from clerk_tasks.ledger.job_filter import JobFilter
from clerk_tasks.worker.executor import Executor
from devtools import claiming
from devtools.ledger_laws import Ledger, check
from devtools.papers import paper

SITE = "millbrook.ca"


class PaperFetcher(Fetcher):
    """Puts the papers in place that `to_publish` holds: {(kind, meeting, date): content}."""

    to_publish: dict[tuple[str, str, str], bytes]  # set by each test's city

    def fetch_events(self) -> None:
        """Write them, as the published fetchers do, unless they are known."""
        for (kind, meeting, date), content in list(self.to_publish.items()):
            target = self.layout.pdf(kind, meeting, date)
            if not self.check_if_exists(meeting, date, kind):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)


class CityPlugin:
    """The fetcher of label "papers", and every hook of the pipeline, which it writes down in `calls`."""

    def __init__(self, fetcher: type) -> None:
        self.fetcher: Any = fetcher
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.raising: dict[str, Exception] = {}  # hook -> what it raises

    def _call(self, hook: str, **arguments: Any) -> None:
        self.calls.append((hook, arguments))
        if hook in self.raising:
            raise self.raising[hook]

    @hookimpl
    def fetcher_class(self, label: str) -> Any:
        return self.fetcher if label == "papers" else None

    @hookimpl
    def pre_compilation(self, subdomain: str, run_id: str) -> None:
        self._call("pre_compilation", subdomain=subdomain, run_id=run_id)

    @hookimpl
    def post_compilation(self, subdomain: str, database_path: str, run_id: str) -> None:
        self._call("post_compilation", subdomain=subdomain, database_path=database_path, run_id=run_id)

    @hookimpl
    def deploy_municipality(self, subdomain: str) -> None:
        self._call("deploy_municipality", subdomain=subdomain)

    @hookimpl
    def post_deploy(self, site: dict[str, Any]) -> None:
        self._call("post_deploy", site=site)


class City:
    """One site, its papers, and what became of them."""

    def __init__(self, url: str, sites: Path) -> None:
        self.engine: Engine = create_engine(url, durable=False)
        self.root = sites / SITE
        self.papers: dict[tuple[str, str, str], bytes] = {}
        self.plugin = CityPlugin(type("PaperFetcher", (PaperFetcher,), {"to_publish": self.papers}))
        self._held = HeldConnection(self.engine)
        self.add(SITE)

    def add(self, subdomain: str, **columns: Any) -> None:
        """Add a site."""
        values = {"name": subdomain, "state": "CA", "scraper": "papers", "start_year": 2020, **columns}
        with transaction() as connection:
            insert_site(connection, {"subdomain": subdomain, **values})

    def publish(
        self, date: str, content: bytes | None = None, *, kind: str = "minutes", meeting: str = "Council"
    ) -> None:
        """Have the city publish a paper, for the fetcher to find."""
        self.papers[kind, meeting, date] = paper() if content is None else content

    def update(self, **options: Any) -> str:
        """Do what `clerk-tasks update --subdomain` does, and return the run's id."""
        from clerk_tasks.operations import updates

        (first, *_) = updates.update_meetings(SITE, **options).job_ids
        return str(self.job(first)["run_id"])

    def work(self, *, patient: bool = False) -> None:
        """Execute every job there is, retries included, as if their time had come; `patient` leaves retries alone."""
        while available := self.ids("available") or ([] if patient else self._retries()):
            for job_id in available:
                self.execute(job_id)

    def work_one(self, job_type: str) -> None:
        """Execute the one available job of a type, once."""
        (job_id,) = self.ids("available", job_type)
        self.execute(job_id)

    def execute(self, job_id: str) -> None:
        """Deliver a job to the worker."""
        claiming.execute(self.engine, self._executor, job_id)

    def lose_before_its_end(self, job_id: str) -> None:
        """Execute a job in an attempt that is given up, as a dead worker's is, before it can record its end."""
        with self.engine.begin() as connection:
            claim = claiming.claim(connection, job_id, instance="dead", pid=1, lease=60.0)
        assert claim is not None
        outcome = self._executor._perform(claim)
        with self.engine.begin() as connection:
            leases.lost(connection, claim, "Its process died.")
        assert outcome is not None
        self._executor._record(claim, outcome, None)

    @property
    def _executor(self) -> Executor:
        """A child's executor, which knows the plugins as they are now."""
        return claiming.executor(self._held, instance="tests", pid=None)

    def day(self, **options: Any) -> dict[str, Any]:
        """Make one run, all of it, and return it as `runs show --json` does."""
        run_id = self.update(**options)
        self.work()
        return self.run(run_id)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return what `runs show --json` prints."""
        with reading() as connection:
            return queries.show_run(connection, run_id)

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        with reading() as connection:
            return list(connection.execute(sa.select(runs_table.c.id).order_by(runs_table.c.created_at)).scalars())

    def job(self, job_id: str) -> dict[str, Any]:
        """Return what `jobs show --json` prints."""
        with reading() as connection:
            return queries.show_job(connection, job_id)

    def jobs(self, *, state: str | None = None, job_type: str | None = None) -> list[dict[str, Any]]:
        """Return what `jobs list --json` prints, newest first."""
        with reading() as connection:
            return queries.list_jobs(connection, JobFilter(state=JobState(state) if state else None, job_type=job_type))

    def ids(self, state: str, job_type: str | None = None) -> list[str]:
        """Return the ids of the jobs in a state, oldest first."""
        query = sa.select(jobs.c.id).where(jobs.c.state == state).order_by(jobs.c.id)
        if job_type is not None:
            query = query.where(jobs.c.job_type == job_type)
        with reading() as connection:
            return list(connection.execute(query).scalars())

    def row(self, subdomain: str = SITE) -> dict[str, Any]:
        """Return a site's row."""
        with reading() as connection:
            return require_site(connection, subdomain)

    def rows(self, table: str = "minutes") -> list[tuple[str, str, int]]:
        """Return (meeting, date, page) of meetings.db."""
        return self.query(f"SELECT meeting, date, page FROM {table} ORDER BY 1, 2, 3")

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask meetings.db."""
        with closing(sqlite3.connect(self.root / "meetings.db")) as connection:
            return connection.execute(sql, values).fetchall()

    def files(self, pattern: str) -> list[str]:
        """List files below the site's folder."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob(pattern) if path.is_file())

    def waiting(self) -> list[str]:
        """List the PDFs that wait to be read."""
        return self.files("**/pdfs/*/*.pdf")

    def hooks(self) -> list[str]:
        """List the hooks that were called."""
        return [hook for hook, _ in self.plugin.calls]

    def project_is_the_ledger(self, run_id: str) -> None:
        """Assert that the site's old counters say what the ledger says of a run."""
        row = self.row()
        for stage in self.run(run_id)["stages"]:
            done = stage["total"] - stage["remaining"] - stage["failed"] - stage["cancelled"]
            counters = tuple(row[f"{stage['name']}_{what}"] for what in ("total", "completed", "failed"))
            assert counters == (stage["total"], done, stage["failed"]), stage["name"]

    def check(self) -> None:
        """Assert the laws of the ledger."""
        with self.engine.connect() as connection:
            check(Ledger.read(connection))

    def close(self) -> None:
        """Let go of the database."""
        self._held.close()
        self.engine.dispose()

    def ran_ago(self, run_id: str, **ago: float) -> None:
        """Make a run that much older."""
        with self.engine.begin() as connection:
            made = connection.execute(sa.select(runs_table.c.created_at).where(runs_table.c.id == run_id)).scalar_one()
            values = {"created_at": made - timedelta(**ago)}
            connection.execute(sa.update(runs_table).where(runs_table.c.id == run_id).values(values))

    def _retries(self) -> Sequence[str]:
        with self.engine.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.state == "retryable").values(due_at=jobs.c.created_at))
            publications.promote_due(connection)
        return self.ids("available")


def stages_of(run: dict[str, Any]) -> dict[str, tuple[str, int, int]]:
    """Return {stage: (state, total, failed)}."""
    return {stage["name"]: (stage["state"], stage["total"], stage["failed"]) for stage in run["stages"]}
