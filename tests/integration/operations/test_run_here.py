"""`jobs run` calls a function as a worker does, in this process, and records nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from clerk.plugin.loader import forget_plugins
from clerk_tasks.cli.main import main
from clerk_tasks.operations.listing import list_jobs, list_runs
from tests.integration.operations.conftest import Enqueue

PLUGIN = """
import logging
from datetime import date
from pathlib import Path
from clerk import Retry, Snooze, current_job, hookimpl
from clerk.output import ClerkLogger

def talk(subdomain, run_id, *, since: date = date(2024, 1, 1), end: str = ""):
    print("printed")
    logging.getLogger("mine").info("logged for %s", subdomain)
    ClerkLogger(subdomain).log("as fetchers say it")
    current_job().progress("half way")
    current_job().spawn("parent", subdomain, children=["a b"])
    secret = 7
    if end == "fail":
        raise ValueError("no key for redis://me:hunter2@host")
    if end == "retry":
        raise Retry("not yet")
    if end == "set":
        return {1, 2}
    Path("draft").write_text("final")
    current_job().commit_files({Path("draft"): Path("done.txt")})
    with current_job().visiting("city.example", 0.01):
        pass
    return {"since": str(since), "run": run_id.startswith(subdomain)}

class Talking:
    @hookimpl
    def register_job_types(self):
        return {"talk": talk}
"""

Capture = pytest.CaptureFixture[str]
CHILD = "clerk-tasks enqueue parent alameda.ca --arg 'children=[\"a b\"]'"


@pytest.fixture(autouse=True)
def _talking(engine: Engine) -> None:
    Path("plugins/talking.py").write_text(PLUGIN)
    forget_plugins()


def run(*words: str) -> int:
    return main(["jobs", "run", *words])


def test_a_function_runs_here_and_its_words_are_on_stderr(capsys: Capture) -> None:
    assert run("talk", "alameda.ca", "--since", "2024-02-01") == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"since": "2024-02-01", "run": True}
    lines = err.splitlines()
    logged = ["INFO    logged for alameda.ca", "info: alameda.ca: as fetchers say it"]
    assert lines[:4] == ["printed", *logged, "half way"]
    assert lines[4].startswith("talk alameda.ca: completed (")
    assert lines[5:] == ["A worker would enqueue:", f"  {CHILD}"]
    assert Path("done.txt").read_text() == "final"
    assert (list_jobs(), list_runs()) == ([], [])


def test_a_failure_has_its_traceback_without_secrets_and_without_our_frames(capsys: Capture) -> None:
    assert run("talk", "alameda.ca", "--end", "fail", "--json") == 1
    out, err = capsys.readouterr()
    answered = json.loads(out)
    assert (answered["error"], answered["result"]) == ("ValueError: no key for redis://me:***@host", None)
    traceback = err.partition("Traceback")[2].splitlines()
    assert "plugins/talking.py" in traceback[1]
    assert "hunter2" not in err
    assert "run_here.py" not in err
    code = f"Its code: job type talk of plugin talking, {Path('plugins/talking.py').resolve()}:8."
    assert code in err.splitlines()


def test_pdb_opens_where_the_function_failed(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("p secret * 6\nq\n"))
    assert run("talk", "alameda.ca", "--end", "fail", "--pdb") == 1
    assert "(Pdb) 42" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("retry", 1, "talk alameda.ca: it asks to be retried: not yet ("),
        ("set", 0, "warning: its result is not recorded: it is not JSON"),
    ],
)
def test_another_end_is_named(capsys: Capture, end: str, code: int, said: str) -> None:
    assert run("talk", "alameda.ca", "--end", end) == code
    assert said in capsys.readouterr().err


def test_what_could_not_be_enqueued_is_not_run(capsys: Capture, enqueue: Enqueue) -> None:
    assert run("talk", "nowhere.ca") == 3
    assert run("nothing", "alameda.ca") == 3
    assert run("talk", "alameda.ca", "--since", "soon") == 2
    winner = enqueue("fine")
    assert run("fine", "alameda.ca") == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Job {winner} is doing this" in err
