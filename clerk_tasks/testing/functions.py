"""The methods of the harness in use, as functions: `run_job("greet", "alameda.ca")`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from clerk_tasks.testing.harness import Harness, harness_in_use

P = ParamSpec("P")
R = TypeVar("R")


def _of_harness_in_use(method: Callable[Concatenate[Harness, P], R]) -> Callable[P, R]:
    @wraps(method)
    def function(*arguments: P.args, **options: P.kwargs) -> R:
        return method(harness_in_use(), *arguments, **options)

    return function


add_site = _of_harness_in_use(Harness.add_site)
assert_enqueued = _of_harness_in_use(Harness.assert_enqueued)
drain = _of_harness_in_use(Harness.drain)
each_crash = _of_harness_in_use(Harness.each_crash)
enqueue = _of_harness_in_use(Harness.enqueue)
enqueued = _of_harness_in_use(Harness.enqueued)
run_job = _of_harness_in_use(Harness.run_job)
tick = _of_harness_in_use(Harness.tick)
