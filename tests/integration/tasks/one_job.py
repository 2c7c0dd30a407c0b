"""A plugin whose only job type is the function that a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clerk import JobType, hookimpl


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
