"""No process that forks holds SQLite open: a child that inherits it has its commits lost by those who come after."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import psutil
import sqlalchemy as sa

from clerk.jobs import JobRequest
from devtools.celery_settings import celery_settings
from devtools.processes import Program, wait_for
from devtools.system import SITE, System, command_of

JOBS = 120


def database_files(pid: int) -> list[str]:
    """Return what a process has open of civic.db: the file, its log, its shared memory."""
    return [file.path for file in psutil.Process(pid).open_files() if "civic.db" in file.path]


def pool_of(worker: Program) -> list[psutil.Process]:
    """Return the living children of a worker's pool, however they were started."""
    living = [child for child in psutil.Process(worker.pid).children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in living if "_tracker import" not in command_of(child)]


def test_a_child_inherits_nothing_of_the_database(system: System) -> None:
    """The prototype's fault, its cause: a forked child believes that it holds the locks that its parent holds.

    It takes none of its own: when the parent closes the database, whoever closes it next deletes the log under the
    child, whose commits all succeed and are gone (measured with bare SQLite: 100 of 100, and `integrity_check` is ok).
    """
    worker = system.worker("-c", "1")
    (first,) = pool_of(worker)
    wait_for(lambda: database_files(worker.pid), "the parent has the database open")
    first.kill()
    wait_for(lambda: pool_of(worker) not in ([], [first]), "another child is there", deadline=30)
    (second,) = pool_of(worker)
    assert database_files(second.pid) == []
    job_id = system.enqueue("gated")
    assert system.wait_until_began(job_id) == second.pid
    assert database_files(second.pid)
    system.open_gate()
    system.wait_for_end(job_id)


def test_every_commit_survives_children_that_come_and_go(system: System, tmp_path: Path) -> None:
    """The prototype's fault, its effect: "commits lost when a process that forks holds SQLite open"."""
    from clerk_tasks.dispatcher import enqueue_many

    worker = system.worker("-c", "2", env=celery_settings(tmp_path / "config", worker_max_tasks_per_child=8))
    ids = enqueue_many([JobRequest("keeps", SITE, {"key": f"k{number}"}) for number in range(JOBS)]).job_ids
    seen: set[str] = set()
    killed = 0

    def completed() -> int:
        """Count what is recorded as done; nothing of it may ever be undone."""
        with system.engine.connect() as connection:
            now = set(connection.execute(sa.text("SELECT id FROM jobs WHERE state = 'completed'")).scalars())
        assert seen <= now, f"{len(seen - now)} commits are lost"
        seen.update(now)
        return len(now)

    def reached(share: int) -> bool:
        return completed() >= share

    for share in range(JOBS // 6, JOBS, JOBS // 6):
        wait_for(partial(reached, share), f"{share} jobs are done", deadline=60, logs=system.programs.logs)
        for child in pool_of(worker)[:1]:
            os.kill(child.pid, signal.SIGKILL)
            killed += 1
        # The last program to close a SQLite database that nobody else holds deletes its log.
        assert system.programs.clerk("jobs", "list", "--state", "running").wait() == 0
    wait_for(lambda: completed() == JOBS, "all are done", deadline=60, logs=system.programs.logs)
    assert killed >= 4
    assert sorted(job_id for job_id, _ in system.kept().values()) == sorted(ids)
    with system.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    assert worker.alive
