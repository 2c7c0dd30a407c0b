"""Deploys: old code beside new, and no job is lost for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clerk.database.tables import jobs_table
from devtools.plugin_files import write_plugin
from devtools.processes import Program, wait_for
from devtools.system import System

OLD = """
from devtools.jobs_plugin import QUICKLY, began, effect
from clerk import JobType

def rolling(subdomain, a: int):
    began()
    effect("rolling")

class Rolling:
    @hookimpl
    def register_job_types(self):
        return {"rolling": JobType(rolling, backoff=QUICKLY)}
"""
NEW = """
from devtools.jobs_plugin import QUICKLY, began, effect
from clerk import JobType

def rolling(subdomain, a: int, b: int = 0):
    began()
    effect("rolling")

def fresh(subdomain):
    began()
    effect("fresh")

class Rolling:
    @hookimpl
    def register_job_types(self):
        return {"rolling": JobType(rolling, backoff=QUICKLY), "fresh": JobType(fresh, backoff=QUICKLY)}
"""
#: Enqueues until a file is there: an application that imports us, and goes on while everything else is restarted.
LOAD = """
import sys
from pathlib import Path
from threading import Event
from clerk.queue import enqueue_job

number, pace = 0, Event()
while not Path(sys.argv[1]).exists():
    number += 1
    print(enqueue_job("rolling", "a.ca", **eval(sys.argv[2], {"number": number})), flush=True)
    if "fresh" in sys.argv and number % 5 == 0:
        print(enqueue_job("fresh", "a.ca"), flush=True)
    pace.wait(0.05)
"""


class Deploy:
    """Two versions of the code, and the programs of each."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.over = system.plugins.with_name("over")
        self.folders = {}
        for name, source in {"old": OLD, "new": NEW}.items():
            folder = system.plugins.with_name(name)
            write_plugin(folder / "rolling.py", source)
            self.folders[name] = {"CLERK_PLUGINS_DIR": str(folder)}

    def worker(self, version: str) -> Program:
        """Start a worker with this version of the code."""
        return self.system.worker("-c", "1", env=self.folders[version])

    def load(self, version: str, arguments: str, *extra: str) -> Program:
        """Start to enqueue with this version of the code."""
        command = [sys.executable, "-c", LOAD, str(self.over), arguments, *extra]
        return self.system.programs.run(*command, env=self.folders[version])

    def clerk(self, version: str, *arguments: str) -> str:
        """Run a command with this version of the code; return its last word."""
        program = self.system.programs.clerk(*arguments, env=self.folders[version])
        assert program.wait() == 0, program.log
        return program.log.split()[-1]


@pytest.fixture
def deploy(system: System) -> Iterator[Deploy]:
    """Return a deploy, whose load ends with the test."""
    deploy = Deploy(system)
    yield deploy
    deploy.over.touch()


@pytest.mark.fault("F23")
@pytest.mark.timeout(240)
def test_old_and_new_code_side_by_side_lose_nothing_and_do_nothing_twice(deploy: Deploy) -> None:
    """A rolling restart under load: both versions enqueue, and both work.

    A job of a type that only the new code knows waits for a worker that does. One with an argument that the old code
    does not know may fail there, with the argument's name; replayed after the deploy, it completes.
    """
    system = deploy.system
    old = [deploy.worker("old"), deploy.worker("old")]
    early = deploy.clerk("new", "enqueue", "fresh", "a.ca")
    wait_for(lambda: any("does not know fresh" in worker.log for worker in old), "an old worker meets the new type")
    wait_for(lambda: "does not know fresh" in (system.job(early)["note"] or ""), "the job says why it waits")
    loads = [deploy.load("old", "{'a': number}"), deploy.load("new", "{'a': number, 'b': number}", "fresh")]
    wait_for(lambda: all(load.log.count("\n") > 10 for load in loads), "both versions enqueue", deadline=30)
    for worker in old:
        new = deploy.worker("new")
        assert worker.terminate() == 0, worker.log
    deploy.over.touch()
    for load in loads:
        assert load.wait() == 0, load.log
    job_ids = [early, *(job_id for load in loads for job_id in load.log.split())]
    states = dict(zip(job_ids, system.wait_for_end(*job_ids, deadline=80), strict=True))
    refused = [job_id for job_id, state in states.items() if state != "completed"]
    print(f"\n{len(job_ids)} jobs during a deploy, {len(refused)} refused by the old code")  # noqa: T201
    assert all("unknown argument 'b'; accepted: a" in system.job(job_id)["error"] for job_id in refused)
    assert len(refused) < len(job_ids) / 2, "most met the right worker"
    if refused:
        deploy.clerk("new", "jobs", "retry", "--state", "discarded", "--error-like", "unknown argument")
    assert set(system.wait_for_end(*job_ids)) == {"completed"}
    assert system.effects() == dict.fromkeys(job_ids, 1)
    assert new.terminate() == 0, new.log
    with system.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(jobs_table)).scalar() == len(job_ids)
