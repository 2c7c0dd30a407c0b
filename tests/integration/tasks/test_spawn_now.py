"""Jobs that a running job asks for with `spawn_now`: recorded while it runs, or at the latest when it completes."""

from __future__ import annotations

import pytest

from clerk import Discard, current_job
from clerk.database.held import HeldConnection
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.ledger import publications
from clerk_tasks.worker import running_job
from clerk_tasks.worker.running_job import RunningJob
from tests.integration.ledger.ledger import LedgerOf, job
from tests.integration.tasks.one_job import OneJob, run


def test_the_first_is_recorded_at_once_and_those_that_follow_soon_with_the_end(
    on_both: LedgerOf, plugin: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_job, "SPAWN_INTERVAL", 3600.0)
    seen: list[list[str]] = []

    def work() -> None:
        for _ in range(3):
            current_job().spawn_now("t", "a.ca", stage="s0")
            current_job().checkpoint()
        seen.append([row.state for row in on_both.jobs("s0")])

    row = run(on_both, plugin, work)
    assert (row.state, seen) == ("completed", [["running", "available"]])
    assert [row.state for row in on_both.jobs("s0")] == ["completed", "available", "available", "available"]


def test_a_checkpoint_records_what_came_too_soon_and_a_fence_records_nothing(
    on_both: LedgerOf, plugin: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_job, "SPAWN_INTERVAL", 0.0)
    seen: list[int] = []

    def work() -> None:
        with current_job().fence():
            current_job().spawn_now("t", "a.ca", stage="s0")
            current_job().spawn_now("t", "a.ca", stage="s0")
        seen.append(len(on_both.jobs("s0")))
        current_job().checkpoint()
        seen.append(len(on_both.jobs("s0")))
        raise Discard("it made its children, and then it failed")

    assert run(on_both, plugin, work).state == "discarded"
    assert seen == [1, 3]
    assert [row.state for row in on_both.jobs("s0")] == ["discarded", "available", "available"]


def test_a_stage_that_the_run_does_not_have_is_found_before_anything_is_asked_for(
    on_both: LedgerOf, plugin: OneJob
) -> None:
    def work() -> None:
        with pytest.raises(Discard, match="no later stage 'nowhere'"):
            current_job().spawn_now("t", "a.ca", stage="nowhere")

    assert run(on_both, plugin, work).state == "completed"
    assert len(on_both.jobs("s0")) == 1


def test_a_message_is_published_for_them_unless_one_is_outstanding(
    plugin: OneJob, on_both: LedgerOf, publisher: Publisher
) -> None:
    first, second = on_both.record([job(), job()]).job_ids
    on_both.do(publications.register_queues, ["one-job"])
    held = HeldConnection(on_both.engine)
    for job_id in (first, second):
        RunningJob(on_both.claim(job_id), held).spawn_now("t", "a.ca")
    assert publisher.depth("one-job") == 1
    with held.statement() as connection:
        publications.answered(connection, "one-job")
    third = on_both.jobs("s0")[-1]
    RunningJob(on_both.claim(third.id), held).spawn_now("t", "a.ca")
    assert publisher.depth("one-job") == 2
    held.close()
