"""What `--json` prints has the keys that the reference of commands lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clerk.acts import begin_act
from clerk.database.schema_version import HEAD
from clerk.database.transactions import transaction
from clerk.plugin.loader import forget_plugins
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import leases
from devtools.json_answers import ANSWERS
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]

#: In an order in which each has something to print; {job} is a dead letter of {run}, {passage} the run of an update.
COMMANDS = """
enqueue fine alameda.ca
status
now
jobs list
jobs count
jobs types
jobs show {job}
runs list
runs show {run}
why {job}
doctor
workers scale default 3
health
probe --live
jobs dismiss {job}
jobs dismiss --all
jobs retry {job}
jobs reprioritise {job} --priority high
jobs reprioritise --all --priority low
jobs move {job} --to default
jobs move --all --to default --dry-run
jobs cancel --all --dry-run
jobs cancel {job}
enqueue fine alameda.ca --arg name=later --in 1h
jobs run-now {later}
acts
acts show 1
acts stop {running}
update --subdomain alameda.ca
runs cancel {passage}
runs retry --dry-run {passage}
runs retry {passage}
pause queue default --reason moves
pauses
resume queue default
limits set limited --concurrency 3 --reason moves
limits show
limits reset limited
sites add x.ca --name X --state CA
sites list
sites show x.ca
sites remove x.ca --yes
plugins list
plugins check
schedule list
schedule next
schedule tick meetings-next-site
schedule history
db upgrade
db downgrade {head} --yes
db current
db history
db check
ops snapshot operations.db
db prune --older-than 1 --dry-run
"""
WORKER = {
    "hostname": "box",
    "pid": 7,
    "version": "0",
    "concurrency": 1,
    "queues": ["default"],
    "job_types": [],
}
#: Asks a city's site, or is tested where there are documents, webhooks, or cities with election finance.
ELSEWHERE = (
    *("webhooks list", "webhooks retry", "webhooks test", "webhooks deliver", "sites silent"),
    *("top", "top, queues", "top, workers", "top, runs", "top, failures"),
    *("jobs logs", "jobs logs, lines", "jobs logs --follow"),
    *("sites detect", "documents list", "documents refetch", "documents withdraw"),
    *("finance etl", "finance extract", "finance transform", "finance load"),
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_keys(enqueue: Enqueue, work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plugins/broken.py").write_text("raise OSError")
    forget_plugins()
    known: dict[str, str] = {"job": enqueue("broken"), "head": HEAD}
    work(known["job"])
    with transaction() as connection:
        known["running"] = str(begin_act(connection, "cancel", "every job", matched=1, reason=None))
        leases.register_worker(connection, instance="a", **WORKER)
    found: dict[str, str] = {}
    for line in COMMANDS.strip().splitlines():
        capsys.readouterr()
        main([*line.format(**known).split(), "--json"])
        printed = capsys.readouterr()
        assert printed.out, (line, printed.err)
        answer = json.loads(printed.out)
        (name,) = [name for name in sorted(ANSWERS, key=len) if line.startswith(name)][-1:]
        found |= dict(keys(name, answer))
        if name in ("jobs show", "update"):
            known["run" if name == "jobs show" else "passage"] = answer["run_id"]
        if name == "enqueue":
            known["later"] = answer["id"]
    assert found == {name: each for name, (_, each) in ANSWERS.items() if name not in ELSEWHERE}


def keys(name: str, answer: Any) -> Iterator[tuple[str, str]]:
    """Yield a command's keys, and those of the objects within that are documented, too."""
    first = answer[0] if isinstance(answer, list) else answer
    yield name, " ".join(first) if isinstance(first, dict) else ""
    for key, value in first.items() if isinstance(first, dict) else ():
        if f"{name}, {key}" in ANSWERS:
            yield f"{name}, {key}", " ".join(value[0])
