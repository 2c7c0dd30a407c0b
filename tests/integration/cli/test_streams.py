"""A program whose stdout or stderr cannot be written to says so in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run_with(stdout: str, *arguments: str) -> tuple[int, str]:
    """Run a command with stdout redirected as the shell does it; return its exit code and stderr."""
    program = f'exec "{sys.executable}" -m clerk_tasks "$@" {stdout}'
    done = subprocess.run(["sh", "-c", program, "sh", *arguments], stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [("plugins", "list"), ("plugins", "list", "--json"), ("--help",)], ids=" ".join)
def test_an_answer_that_cannot_be_written_is_one_line(arguments: tuple[str, ...]) -> None:
    line = "error: The answer cannot be written to stdout: No space left on device.\n"
    assert run_with(">/dev/full", *arguments) == (1, line)


def test_an_answer_that_nobody_is_there_for_is_one_line() -> None:
    assert run_with(">&-", "plugins", "list") == (1, "error: The answer cannot be written: stdout is closed.\n")


def test_without_stderr_the_answer_is_the_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_with("2>&-", "--plugins-dir", "nowhere", "plugins", "check") == (0, "")
    (line,) = capfd.readouterr().out.splitlines()
    assert line.endswith("all of them work")
