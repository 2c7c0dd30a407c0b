"""A plugin breaks, in any way that Python has: the workers start without it, and its jobs wait for it to be mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devtools.plugin_files import write_plugin
from devtools.system import System

WHOLE = """
class Fragile:
    @hookimpl
    def register_job_types(self):
        return {"fragile": lambda subdomain: None}
"""
#: How it breaks: the file, and what is said of it.
BROKEN = {
    "raises when imported": ("raise OSError('no licence')", "import: OSError: no licence"),
    "leaves when imported": ("import os; os._exit(7)", "import: SystemExit: it called os._exit(7)"),
    "never comes back when imported": (
        "import threading; threading.Event().wait()",
        "import: TimeoutError: it did not return within 1 s",
    ),
    "raises in a hook": (
        WHOLE.replace("return {", "raise KeyError('x'); return {"),
        "hook register_job_types: KeyError: 'x'",
    ),
    "never comes back from a hook": (
        WHOLE.replace("return {", "import threading; threading.Event().wait(); return {"),
        "hook register_job_types: TimeoutError: it did not return within 1 s",
    ),
}


@pytest.mark.fault("F18")
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_set_aside_and_the_others_work(
    system: System, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it others work; `plugins list` and `why` say what is wrong, and its job is done once it is mended."""
    file = Path(system.effects_file).with_name("plugins") / "fragile.py"
    source, said = BROKEN[how]
    write_plugin(file, WHOLE)
    waiting = system.enqueue("fragile")
    write_plugin(file, source)
    monkeypatch.setenv("CLERK_PLUGIN_PATIENCE", "1")
    worker = system.worker("-c", "1")
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]
    assert system.job(waiting)["state"] == "available"

    shown = system.programs.clerk("plugins", "list", "--json")
    assert shown.wait() == 0, shown.log
    (plugin,) = [entry for entry in json.loads(shown.log[shown.log.index("[") :]) if entry["name"] == "fragile"]
    assert (plugin["state"], said in plugin["error"]) == ("quarantined", True), plugin
    why = system.programs.clerk("why", waiting)
    assert why.wait() == 0, why.log
    assert "No plugin here has job type fragile." in why.log
    assert f"plugin fragile ({file}) is quarantined at {said}" in why.log

    write_plugin(file, WHOLE)
    assert worker.terminate() == 0
    system.worker("-c", "1")
    assert system.wait_for_end(waiting, deadline=60) == ["completed"]


PREPARES = """
class Fragile:
    @hookimpl
    def register_job_types(self):
        from clerk import JobType

        return {"fragile": JobType(lambda subdomain: None, queue="fragile")}

    @hookimpl
    def register_worker_functions(self):
        return {"fragile": {"queues": ["fragile"], "function": prepare}}


def prepare():
"""


@pytest.mark.fault("F18")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    import os; os._exit(7)", "SystemExit: it called os._exit(7)"),
        ("    import threading; threading.Event().wait()", "TimeoutError: it did not return within 1 s"),
    ],
    ids=["leaves", "never comes back"],
)
def test_a_pool_that_cannot_be_prepared_holds_up_its_own_jobs_only(
    system: System, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    """Its jobs wait and say why, others are done, and `worker --burst` ends."""
    monkeypatch.setenv("CLERK_PLUGIN_PATIENCE", "1")
    write_plugin(Path(system.effects_file).with_name("plugins") / "fragile.py", PREPARES + body)
    waits, done = system.enqueue("fragile"), system.enqueue("note")
    burst = system.programs.clerk("worker", "fragile", "default", "-c", "1", "--burst")
    assert burst.wait(deadline=60) == 0, burst.log
    said = f"pool fragile (plugin fragile) could not be prepared: {said}"
    for line in (said, f"waits: {said}", f"this worker cannot run jobs of queue fragile: {said}"):
        assert line in burst.log, burst.log
    assert (system.job(done)["state"], system.job(waits)["state"]) == ("completed", "retryable")
    assert said in system.job(waits)["error"]
    why = system.programs.clerk("why", waits)
    assert why.wait() == 0, why.log
    assert f"handed-back: {said}" in why.log
