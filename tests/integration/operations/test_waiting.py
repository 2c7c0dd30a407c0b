"""`--wait` waits for a job's children, counts them, and exits by what failed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
import typer

from clerk_tasks import waiting
from clerk_tasks.cli.jobs_output import finish
from clerk_tasks.operations.job_retry import retry
from clerk_tasks.operations.listing import list_jobs, show_job
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]


def children_of(job_id: str) -> list[str]:
    """Return the ids of the other jobs of a job's run, oldest first."""
    return [job["id"] for job in list_jobs(run_id=show_job(job_id)["run_id"]) if job["id"] != job_id][::-1]


@pytest.mark.parametrize(("types", "code"), [(["fine", "broken"], 1), (["fine"], 0)])
def test_the_children_are_counted_and_decide_the_exit_code(
    enqueue: Enqueue, work: Work, capsys: pytest.CaptureFixture[str], types: list[str], code: int
) -> None:
    job = enqueue("parent", children=types)
    work(job)
    children = children_of(job)
    for child in children:
        work(child)
    capsys.readouterr()
    for as_json in (False, True):
        ended = 0
        try:
            finish([job], wait=True, as_json=as_json)
        except typer.Exit as ending:
            ended = ending.exit_code
        assert ended == code
        shown = capsys.readouterr()
        assert f"{1 + len(types)} of {1 + len(types)} jobs ended" in shown.err
        if as_json:
            assert {row["id"] for row in json.loads(shown.out)} == {job, *children}
        else:
            assert f"{len(types)} further jobs of these runs, {code} of them failed" in shown.out
            assert shown.out.count("discarded: the source is gone") == code


def test_it_waits_until_a_child_has_ended(enqueue: Enqueue, work: Work) -> None:
    """Guard: the children are looked for at each look: here the first is made while it waits."""
    job = enqueue("parent", children=["fine"])
    jobs: list[str] = []
    seen = threading.Event()
    thread = threading.Thread(
        target=lambda: jobs.extend(found["state"] for found in waiting.wait_for([job], lambda _: seen.set()))
    )
    thread.start()
    assert seen.wait(10)
    work(job)
    (child,) = children_of(job)
    work(child)
    thread.join(20)
    assert jobs == ["completed", "completed"]


def test_what_was_recorded_in_its_run_before_a_job_is_not_waited_for(enqueue: Enqueue, work: Work) -> None:
    parent = enqueue("parent", children=["fine"])
    work(parent)
    (child,) = children_of(parent)
    work(child)
    assert [found["id"] for found in waiting.wait_for([child], lambda _: None)] == [child]


def test_a_retry_leaves_out_what_had_failed_before(enqueue: Enqueue, work: Work) -> None:
    job = enqueue("parent", children=["broken", "broken"])
    work(job)
    first, second = children_of(job)
    for child in (first, second):
        work(child)
    retry([first])
    work(first)
    assert [found["id"] for found in waiting.wait_for([first], lambda _: None, again=True)] == [first]
