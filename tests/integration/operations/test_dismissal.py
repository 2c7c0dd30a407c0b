"""A dismissed dead letter stays a dead letter, and `health` counts what is new since."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from clerk.acts import operator
from clerk_tasks.cli.main import main
from clerk_tasks.operations.listing import show_job
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_why import said

Work = Callable[[str], None]
Capture = pytest.CaptureFixture[str]


def dead_letters(capsys: Capture) -> str | None:
    """Return what `health` says of dead letters."""
    capsys.readouterr()
    main(["health", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return next((check["detail"] for check in checks if check["check"] == "dead letters"), None)


def dead(enqueue: Enqueue, work: Work) -> str:
    job = enqueue("broken")
    work(job)
    return job


def test_health_counts_what_is_new_since(enqueue: Enqueue, work: Work, capsys: Capture) -> None:
    first, second = dead(enqueue, work), dead(enqueue, work)
    assert (dead_letters(capsys) or "").startswith("2 jobs discarded")
    assert main(["jobs", "dismiss", first]) == 0
    assert capsys.readouterr().out == f"{first} dismissed by {operator()}\n"
    assert (dead_letters(capsys) or "").startswith("1 job discarded")
    assert main(["jobs", "dismiss", "--all", "--json"]) == 0
    assert (json.loads(capsys.readouterr().out)["done"], show_job(second)["note"]) == (1, f"dismissed by {operator()}")
    assert dead_letters(capsys) is None
    assert show_job(first)["state"] == "discarded"
    assert f"Note: dismissed by {operator()}" in said(first)
    dead(enqueue, work)
    assert (dead_letters(capsys) or "").startswith("1 job discarded")


def test_a_retry_undoes_it(enqueue: Enqueue, work: Work, capsys: Capture) -> None:
    job = dead(enqueue, work)
    assert main(["jobs", "dismiss", job]) == 0
    assert main(["jobs", "retry", job]) == 0
    assert show_job(job)["note"] is None
    work(job)
    assert (dead_letters(capsys) or "").startswith("1 job discarded")


def test_only_dead_letters_all_or_none(enqueue: Enqueue, work: Work, capsys: Capture) -> None:
    first, waits = dead(enqueue, work), enqueue("fine")
    assert main(["jobs", "dismiss", first, waits]) == 4
    assert f"Job {waits} is no dead letter: available." in capsys.readouterr().err
    assert main(["jobs", "dismiss", first, "x"]) == 3
    assert main(["jobs", "dismiss"]) == main(["jobs", "dismiss", first, "--all"]) == 2
    assert show_job(first)["note"] is None
