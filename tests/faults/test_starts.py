"""Workers that are started wrongly: they end at once, in one line that says what to do, and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.processes import script
from devtools.system import System


@pytest.mark.fault("F23")
@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_worker_of_another_pool_refuses_to_start(system: System, pool: str) -> None:
    """A deploy with the wrong options: jobs need processes that can be killed."""
    worker = system.programs.run(script("celery"), "-A", "clerk_tasks", "worker", "-P", pool)
    assert worker.wait() == 2
    assert "clerk's jobs need the prefork pool: start the worker without -P." in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.fault("F23")
def test_a_worker_started_by_celery_refuses_a_database_that_is_not_there(system: System, tmp_path: Path) -> None:
    """A deploy with the wrong address: it makes no empty file, and says what to do."""
    nowhere = tmp_path / "nowhere.db"
    environment = {"DATABASE_URL": f"sqlite:///{nowhere}"}
    worker = system.programs.run(script("celery"), "-A", "clerk_tasks", "worker", env=environment)
    assert worker.wait() == 5
    assert "run `clerk-tasks db upgrade`" in worker.log
    assert "Traceback" not in worker.log
    assert not nowhere.exists()
