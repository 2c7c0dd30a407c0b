"""What a job does to its process is undone before the next job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clerk_tasks.worker import sandbox

pytestmark = pytest.mark.usefixtures("another_slice")


@pytest.fixture
def another_slice() -> None:
    sandbox.look_again()


FORK = """
import os, sys
from clerk_tasks.worker.sandbox import restored

with restored():
    copy = os.fork()
    if copy == 0:
        {end}
print(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]))
"""


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("sys.exit(3)", 3), ("sys.exit()", 0), ("1 / 0", 1)])
def test_a_copy_of_the_process_ends_where_the_job_ends(end: str, code: int) -> None:
    """Guard: _exit in restored. Without it the copy goes on, and says what only the original may say."""
    done = subprocess.run([sys.executable, "-c", FORK.format(end=end)], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == (f"{code}\n", "", 0)


def test_the_next_job_finds_folder_environment_and_streams_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "as it was")
    before, streams = (Path.cwd(), os.environ.copy()), (sys.stdin, sys.stdout, sys.stderr)
    with sandbox.restored():
        os.chdir("/")
        os.environ["KEPT"] = "changed"
        os.environ["LEFT"] = "behind"
        sys.stdout = sys.stderr = None
    assert (Path.cwd(), os.environ.copy()) == before
    assert (sys.stdin, sys.stdout, sys.stderr) == streams


def test_a_stream_that_a_job_has_closed_is_there_for_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with sandbox.restored():
            sys.stdout.close()
        sys.stdout.write("the next job's")
        sys.stdout.flush()
        sys.stdout.close()
