"""A plugin written for the RQ-based clerk runs unchanged, through the real programs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from clerk import Priority
from clerk.database.tables import jobs_table
from clerk.database.transactions import transaction
from clerk.queue import enqueue_job
from clerk.sites.rows import insert_site
from devtools.plugin_files import imports_undone
from devtools.processes import script

pytestmark = pytest.mark.slow

#: In the manner of that clerk's documentation: click commands, `site_id`, unknown hooks, RQ's keywords, no annotations.
OLD_PLUGIN = '''
import click

from clerk import hookimpl
from clerk.queue import enqueue_job, generate_run_id
from clerk.utils import STORAGE_DIR


class SmallTownFetcher:
    def fetch_events(self):
        pass


def audit_job(site_id, run_id=None, depth=1, **kwargs):
    return {"site": site_id, "depth": depth}


@click.group()
def audit():
    """Audit sites."""


@audit.command()
@click.argument("subdomain")
def start(subdomain):
    """Start one."""
    click.echo(generate_run_id(subdomain))


@audit.command()
@click.argument("subdomain")
def queue(subdomain):
    job_id = enqueue_job("audit", subdomain, priority="high", depth=3, job_timeout="10m", result_ttl=500, at_front=True)
    click.echo(job_id)


@audit.command()
def where():
    click.echo(STORAGE_DIR)


class SmallTownPlugin:
    @hookimpl
    def fetcher_class(self, label):
        return SmallTownFetcher if label == "smalltown" else None

    @hookimpl
    def fetcher_extra(self, label):
        if label == "smalltown":
            return {"key": "value"}

    @hookimpl
    def create_site(self, subdomain): ...

    @hookimpl
    def update_site(self, subdomain, updates): ...

    @hookimpl
    def register_cli_commands(self):
        return audit

    @hookimpl
    def register_job_types(self):
        return {"audit": audit_job}
'''


@pytest.fixture
def old_plugin(tmp_path: Path) -> Iterator[Path]:
    path = Path("plugins/smalltown.py")
    path.parent.mkdir()
    path.write_text(OLD_PLUGIN)
    with imports_undone(tmp_path):
        yield path


def clerk(*arguments: str, program: str = "clerk-tasks") -> subprocess.CompletedProcess[str]:
    return subprocess.run([script(program), *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("program", ["clerk", "clerk-tasks"])
def test_its_commands_run(old_plugin: Path, program: str) -> None:
    started = clerk("audit", "start", "berkeley.ca", program=program)
    assert (started.returncode, started.stderr) == (0, "")
    assert started.stdout.startswith("berkeley.ca_")
    assert clerk("audit", "where", program=program).stdout.strip() == os.environ["STORAGE_DIR"]
    explained = clerk("audit", "--help", program=program)
    assert explained.stdout.startswith(f"Usage: {program} audit [OPTIONS] COMMAND [ARGS]...")


def test_it_is_no_cause_for_complaint(old_plugin: Path) -> None:
    checked = clerk("plugins", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    (row,) = [row for row in json.loads(clerk("plugins", "list", "--json").stdout) if row["name"] == "smalltown"]
    assert row["job_types"] == ["audit"]
    assert row["hooks"] == ["fetcher_class", "fetcher_extra", "register_cli_commands", "register_job_types"]


def test_it_enqueues_as_it_always_did(old_plugin: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1")  # nobody is there; the job is recorded all the same
    with transaction() as connection:
        insert_site(connection, {"subdomain": "berkeley.ca", "name": "Berkeley", "state": "CA"})
    queued = clerk("audit", "queue", "berkeley.ca")
    assert queued.returncode == 0, queued.stderr
    with transaction() as connection:
        job = connection.execute(select(jobs_table)).one()
    assert job.id == queued.stdout.strip()
    assert (job.job_type, job.subdomain, job.queue, job.arguments) == ("audit", "berkeley.ca", "default", {"depth": 3})
    assert (job.priority, job.time_limit) == (Priority.HIGH, 600.0)


def test_what_it_gets_wrong_is_refused_before_anything_is_recorded(old_plugin: Path, sqlite_url: str) -> None:
    with pytest.raises(ValueError, match=r"Unknown job type 'audt'. Known: .*audit.* Did you mean audit\?"):
        enqueue_job("audt", "berkeley.ca")
    with pytest.raises(ValueError, match="argument 'wrong' is not JSON"):
        enqueue_job("audit", "berkeley.ca", wrong=object())
    with transaction() as connection:
        assert connection.execute(select(jobs_table)).all() == []
