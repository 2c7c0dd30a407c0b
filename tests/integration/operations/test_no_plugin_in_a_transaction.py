"""No plugin's code runs while we hold the database: not one hook, nor a schedule's function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clerk.application import application
from clerk_tasks.cli.main import main
from devtools.plugin_files import imports_undone, write_plugin

PLUGIN = """
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from clerk import JobRequest, Schedule
from clerk.pipeline import Stage
from clerk.settings import settings

DATABASE = settings().database_url.removeprefix("sqlite:///")

def look(where):
    with closing(sqlite3.connect(DATABASE, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            where = f"{where} in a transaction"
    with Path("asked.txt").open("a") as file:
        print(where, file=file)

def checked(value):
    look("validator")
    return value

def work(subdomain, run_id, name: Annotated[str, AfterValidator(checked)] = "x"):
    pass

def choose(connection):
    look("schedule")
    return [JobRequest("work", "a.ca", {"name": "y"})]

class Processor:
    job_type = "work"

class Plugin:
    @hookimpl
    def register_job_types(self):
        look("job types")
        return {"work": work}

    @hookimpl
    def register_stages(self):
        look("stages")
        return [Stage("more", "work", after="fetch")]

    @hookimpl
    def register_schedules(self):
        look("schedules")
        return [Schedule("probe", "* * * * *", choose)]

    @hookimpl
    def get_data_processors(self, data_type):
        look("processors")
        return Processor

    @hookimpl
    def register_worker_functions(self):
        look("pools")
        return None

    @hookimpl
    def fetcher_extra(self, label):
        look("extra")

    @hookimpl
    def post_create(self, subdomain):
        look("created")
"""
#: A command, and a hook that it must ask.
COMMANDS = [
    (["sites", "add", "b.ca", "--name", "B", "--state", "CA", "--scraper", "legistar"], "extra"),
    (["enqueue", "fetch-site", "a.ca"], "stages"),
    (["enqueue", "work", "a.ca"], "stages"),
    (["update", "--next-site"], "stages"),
    (["update", "--subdomain", "a.ca"], "stages"),
    (["update", "--next-site", "--finance"], "processors"),
    (["schedule", "tick", "probe"], "schedule"),
    (["schedule", "tick", "probe"], "validator"),
    (["enqueue", "work", "a.ca", "--arg", "name=y"], "validator"),
    (["schedule", "tick", "finance-next-site"], "processors"),
    (["schedule", "tick", "meetings-next-site"], "stages"),
    (["schedule", "tick"], "schedules"),
    (["pause", "schedule", "probe", "--reason", "r"], "schedules"),
    (["pause", "queue", "default", "--reason", "r"], "pools"),
    (["pause", "type", "work", "--reason", "r"], "job types"),
    (["limits", "show"], "job types"),
    (["workers", "scale", "default", "2", "--reason", "r"], "pools"),
    (["jobs", "move", "--all", "--to", "default"], "pools"),
    (["jobs", "cancel", "--job-type", "work"], "job types"),
    (["update", "--all"], "stages"),
]


@pytest.fixture(autouse=True)
def plugin(sqlite_url: str, tmp_path: Path) -> Iterator[None]:
    assert main(["sites", "add", "a.ca", "--name", "A", "--state", "CA", "--scraper", "legistar", "--finance"]) == 0
    with imports_undone(tmp_path):
        write_plugin(Path("plugins/probe.py"), PLUGIN)
        application.close()
        yield


@pytest.mark.parametrize(("command", "asked"), COMMANDS, ids=str)
def test_no_plugin_is_asked_inside_a_write_transaction(command: list[str], asked: str) -> None:
    assert main(command) == 0
    seen = Path("asked.txt").read_text().splitlines()
    assert asked in {line.partition(" in ")[0] for line in seen}
    assert [line for line in seen if line.endswith("in a transaction")] == []
