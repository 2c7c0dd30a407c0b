"""`clerk-tasks dev`: a plugin that changes is reloaded, and a job that runs finishes on the old code."""

from __future__ import annotations

from pathlib import Path

import pytest

from clerk_tasks.system.dev import say
from devtools.processes import script, wait_for
from devtools.system import System

PLUGIN = """
import time
from pathlib import Path
from clerk import hookimpl

def work(subdomain, run_id, *, gate: str = ""):
    Path("began").touch()
    while gate and not Path(gate).exists():
        time.sleep(0.05)
    return "CODE"

class Works:
    @hookimpl
    def register_job_types(self):
        return {"work": work}
"""


@pytest.mark.slow
def test_a_changed_plugin_is_reloaded_and_a_running_job_finishes_on_the_old_code(
    system: System, tmp_path: Path
) -> None:
    plugin, gate = system.plugins / "works.py", tmp_path / "gate"
    plugin.write_text(PLUGIN.replace("CODE", "old"))
    environment = {"CLERK_BOARD_LISTEN": "off"}
    dev = system.programs.run(script("clerk-tasks"), "dev", "-c", "1", cwd=tmp_path, env=environment)
    running = system.enqueue("work", gate=str(gate))
    wait_for(lambda: (tmp_path / "began").exists(), "the job to begin", deadline=60)
    plugin.write_text(PLUGIN.replace("CODE", "new"))
    dev.wait_for_log("works.py changed: a new worker begins", deadline=60)
    assert system.wait_until(system.enqueue("work"), "completed", deadline=60)["result"] == "new"
    assert system.job(running)["state"] == "running"
    gate.touch()
    assert system.wait_until(running, "completed", deadline=60)["result"] == "old"
    plugin.write_text(PLUGIN.replace("def work", "def work("))
    dev.wait_for_log("works.py changed, and has an error: the old code goes on", deadline=60)
    assert f"SyntaxError: invalid syntax (works.py, line 6) ({plugin}:6)" in dev.log
    assert dev.terminate() == 0


def test_a_line_of_the_log_becomes_short(capsys: pytest.CaptureFixture[str]) -> None:
    job = '"job_id": "01a22456-11c4-76df-b564-eca8e25ac316", "subdomain": "alameda.ca"'
    said = f'{{"timestamp": "2026-01-02T03:04:05+00:00", "level": "ERROR", "logger": "x", "message": "no", {job}}}'
    say("worker", said)
    say("worker", "plain words")
    say("worker", said.replace("ERROR", "INFO").replace('"x"', '"celery.worker"'))
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(" worker   error: alameda.ca 01a22456: no")
    assert second.endswith(" worker   plain words")
