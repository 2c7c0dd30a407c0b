"""pytest-celery's smoke scenarios: a worker answers, works, is killed and restarted; so is its broker; logs tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_celery import CeleryTestSetup

from clerk.queue import enqueue_job
from devtools.processes import wait_for

pytestmark = [pytest.mark.smoke, pytest.mark.slow]

READY = "ready."
LOST = "Connection to broker lost"


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "marks"


def enqueue(marks: Path, *words: str) -> list[str]:
    return [enqueue_job("mark", "smoke.example", path=str(marks), word=word) for word in words]


def done(setup: CeleryTestSetup, jobs: list[str], marks: Path, *words: str) -> None:
    """Each job ran once: it left its mark, and the worker's log has its end."""

    def ended() -> list[int]:
        log = setup.worker.logs()
        return [log.count(f"[job {job} attempt 1 site smoke.example") for job in jobs]

    wait_for(lambda: all(ended()), f"the jobs {words} end", deadline=40, logs=setup.worker.logs)
    assert ended() == [1] * len(jobs)
    assert sorted(marks.read_text().split()) == sorted(words)


def test_a_worker_is_ready_and_answers(celery_setup: CeleryTestSetup) -> None:
    assert celery_setup.ready(docker=True)
    assert celery_setup.worker.logs().count(READY) == 1
    (answer,) = wait_for(lambda: celery_setup.app.control.ping(timeout=0.5), "a worker answers a ping")
    assert list(answer.values()) == [{"ok": "pong"}]
    (registered,) = celery_setup.app.control.inspect(timeout=5, limit=1).registered().values()
    assert "clerk.mark" in registered


def test_jobs_are_executed(celery_setup: CeleryTestSetup, marks: Path) -> None:
    assert celery_setup.ready()
    jobs = enqueue(marks, "one", "two", "three")
    done(celery_setup, jobs, marks, "one", "two", "three")


def test_a_worker_that_was_killed_works_on_after_its_restart(celery_setup: CeleryTestSetup, marks: Path) -> None:
    assert celery_setup.ready()
    celery_setup.worker.kill()
    assert celery_setup.worker.container.status == "exited"
    jobs = enqueue(marks, "while-dead")
    celery_setup.worker.restart()
    done(celery_setup, jobs, marks, "while-dead")
    assert celery_setup.worker.logs().count(READY) == 2


def test_a_worker_outlives_its_broker(celery_setup: CeleryTestSetup, marks: Path) -> None:
    assert celery_setup.ready()
    celery_setup.broker.kill()
    assert celery_setup.broker.container.status == "exited"
    celery_setup.worker.assert_log_exists(LOST)
    jobs = enqueue(marks, "while-down")
    celery_setup.broker.restart()
    assert celery_setup.broker.logs().count(celery_setup.broker.container.ready_prompt) == 2
    done(celery_setup, jobs, marks, "while-down")
    celery_setup.worker.container.reload()
    assert celery_setup.worker.container.status == "running"
    assert celery_setup.worker.logs().count(READY) == 1
