"""A plugin whose only job type is the function that a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clerk import JobType, hookimpl
from clerk.database.held import HeldConnection
from clerk_tasks.worker.executor import Executor
from devtools import claiming
from tests.integration.ledger.ledger import LedgerOf, job


class OneJob:
    """A plugin whose only job type is the function that a test gives it."""

    def __init__(self) -> None:
        self.function: Callable[[], Any] = lambda: None
        self.initialiser: Callable[[], Any] = lambda: None

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        return {"t": JobType(lambda subdomain: self.function(), queue="one-job")}

    @hookimpl
    def register_worker_functions(self) -> Mapping[str, Any]:
        return {"one-job": {"queues": ["one-job"], "function": lambda: self.initialiser()}}


def executor_of(ledger: LedgerOf) -> Executor:
    return claiming.executor(HeldConnection(ledger.engine))


def run(ledger: LedgerOf, plugin: OneJob, function: Callable[[], Any], **fields: Any) -> Any:
    """Execute one job of the function and return its row."""
    plugin.function = function
    (job_id,) = ledger.record([job(**fields)], []).job_ids
    executor = executor_of(ledger)
    claiming.execute(ledger.engine, executor, job_id)
    claiming.execute(ledger.engine, executor, job_id)  # there is nothing to do
    executor.held.close()
    return ledger.job(job_id)


def raising(error: BaseException) -> Callable[[], Any]:
    def function() -> None:
        raise error

    return function
