"""Workers that are started wrongly: they end at once, in one line that says what to do, and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.processes import script, wait_for
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


@pytest.mark.fault("F23")
@pytest.mark.parametrize("command", [("worker", "default", "-c", "1"), ("up", "-c", "1")])
def test_no_file_of_the_working_directory_takes_the_place_of_a_module(
    system: System, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A folder that holds a json.py: no process of the program imports it; what a job starts may."""
    said = tmp_path / "imported"
    for name in ("json", "random", "celery", "billiard", "clerk_tasks", "celeryconfig", "setproctitle"):
        (tmp_path / f"{name}.py").write_text(f"open({str(said)!r}, 'a').write({name!r})")
    (system.plugins / "starter.py").write_text(
        "import subprocess, sys\n"
        "from clerk import hookimpl\n"
        "def start(subdomain, run_id):\n"
        "    program = [sys.executable, '-c', 'import sys; print(repr(sys.path[0]))']\n"
        "    return subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()\n"
        "class Starter:\n"
        "    @hookimpl\n"
        "    def register_job_types(self):\n"
        "        return {'start': start}\n"
    )
    job = system.enqueue("start")
    running = system.programs.run(script("clerk-tasks"), *command, cwd=tmp_path)
    assert system.wait_until(job, "completed", deadline=60)["result"] == "''"
    assert running.terminate() == 0
    assert not said.exists(), said.read_text()


@pytest.mark.fault("F23")
def test_children_that_cannot_start_are_tried_again_without_haste(system: System, tmp_path: Path) -> None:
    """A disk or a folder is away for a while: 3 starts a second would take a core."""
    starts, mended = tmp_path / "starts", tmp_path / "mended"
    (system.plugins / "ends_children.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        f"if 'CLERK_CHILDREN' in os.environ and not Path({str(mended)!r}).exists():\n"
        f"    open({str(starts)!r}, 'a').write('x')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    worker = system.worker("-c", "1")
    job = system.enqueue("note")
    wait_for(
        lambda: starts.exists() and starts.stat().st_size >= 3, "three starts", deadline=30, logs=system.programs.logs
    )
    mended.touch()
    assert system.wait_for_end(job, deadline=40) == ["completed"]
    assert "a child of this worker ended before it could work; the next one starts in 2 s" in worker.log
