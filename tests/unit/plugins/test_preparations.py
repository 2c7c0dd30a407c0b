"""A worker pool's own function, in a pool child."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from clerk.errors import UsageError
from clerk_tasks.job_types.pools import WorkerPool
from clerk_tasks.worker.pool_initialisers import PAUSE, PoolInitialisers


def pool(function: Callable[[], Any] | None, name: str = "tax") -> WorkerPool:
    return WorkerPool(name, (name,), function, None, "acme")


def test_the_function_is_called_once() -> None:
    calls: list[int] = []
    pool_initialisers = PoolInitialisers()
    assert [pool_initialisers.problem(pool(lambda: calls.append(1))) for _ in range(3)] == [None, None, None]
    assert pool_initialisers.problem(pool(None)) is None
    assert calls == [1]


def raises(error: BaseException) -> Callable[[], Any]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (raises(OSError("no licence")), "OSError: no licence"),
        (raises(UsageError("give it a key")), "give it a key"),
        (raises(KeyboardInterrupt()), "KeyboardInterrupt"),
        (lambda: sys.exit(3), "SystemExit: 3"),
        (lambda: os._exit(3), "SystemExit: it called os._exit(3)"),
        (lambda x: x, "TypeError: "),
    ],
    ids=["raises", "advises", "interrupts", "exits", "exits at once", "wants an argument"],
)
def test_one_that_fails_is_the_pool_s_problem_alone(function: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    pool_initialisers = PoolInitialisers()
    problem = pool_initialisers.problem(pool(function))
    assert problem is not None
    assert problem.startswith(f"pool tax (plugin acme) could not be prepared: {said}")
    assert pool_initialisers.problem(pool(lambda: None, name="other")) is None
    assert pool_initialisers.problem(pool(function)) == problem
    assert [record.getMessage().partition(". Its jobs wait")[0] for record in caplog.records] == [problem]


def test_it_is_tried_again_after_a_pause_until_it_succeeds() -> None:
    moment, answers, calls = [0.0], [OSError("not yet"), OSError("nor now"), None], list[float]()

    def function() -> None:
        calls.append(moment[0])
        if error := answers.pop(0):
            raise error

    pool_initialisers = PoolInitialisers(clock=lambda: moment[0])
    said = []
    for moment[0] in (0.0, PAUSE - 1, PAUSE, 2 * PAUSE, 3 * PAUSE):
        problem = pool_initialisers.problem(pool(function))
        said.append(problem and problem.rpartition(": ")[2])
    assert said == ["not yet", "not yet", "nor now", None, None]
    assert calls == [0.0, PAUSE, 2 * PAUSE]
