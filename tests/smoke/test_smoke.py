"""pytest-celery's smoke scenarios: a worker answers, works, is killed and restarted; the broker restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_celery import CeleryTestSetup

from clerk.queue import enqueue_job
from tests.support.processes import wait_for

pytestmark = [pytest.mark.smoke, pytest.mark.slow]


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "marks"


def enqueue(marks: Path, *words: str) -> None:
    for word in words:
        enqueue_job("mark", "smoke.example", path=str(marks), word=word)


def done(setup: CeleryTestSetup, marks: Path, *words: str) -> None:
    def all_marked() -> bool:
        return marks.exists() and sorted(marks.read_text().split()) == sorted(words)

    wait_for(all_marked, f"the jobs {words} ran once each", deadline=40, logs=setup.worker.logs)


def test_a_worker_is_ready_and_answers(celery_setup: CeleryTestSetup) -> None:
    assert celery_setup.ready(docker=True)
    (answer,) = wait_for(lambda: celery_setup.app.control.ping(timeout=0.5), "a worker answers a ping")
    assert list(answer.values()) == [{"ok": "pong"}]
    (registered,) = celery_setup.app.control.inspect(timeout=5, limit=1).registered().values()
    assert "clerk.mark" in registered


def test_jobs_are_executed(celery_setup: CeleryTestSetup, marks: Path) -> None:
    assert celery_setup.ready()
    enqueue(marks, "one", "two", "three")
    done(celery_setup, marks, "one", "two", "three")


def test_a_worker_that_was_killed_works_on_after_its_restart(celery_setup: CeleryTestSetup, marks: Path) -> None:
    assert celery_setup.ready()
    celery_setup.worker.kill()
    enqueue(marks, "while-dead")
    celery_setup.worker.restart()
    done(celery_setup, marks, "while-dead")


def test_a_worker_outlives_its_broker(celery_setup: CeleryTestSetup, marks: Path) -> None:
    assert celery_setup.ready()
    celery_setup.broker.kill()
    enqueue(marks, "while-down")
    celery_setup.broker.restart()
    done(celery_setup, marks, "while-down")
    assert celery_setup.worker.container.status == "running"
