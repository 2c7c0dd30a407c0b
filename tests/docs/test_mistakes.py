"""The page of mistakes is what the program says, and each message names the plugin, a file and a line of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.mistake_list import MISTAKES
from tests.docs.installed import ROOT, environment

PAGE = ROOT / "docs/reference/mistakes.md"
#: The plugin's code is not what is wrong here.
NOT_THE_PLUGINS = {"An unknown job type"}


@pytest.mark.slow
def test_the_page_says_what_the_program_says(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from devtools.mistakes import render; print(render(), end='')"]
    variables = environment(tmp_path)
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=110)
    assert (done.returncode, done.stdout) == (0, PAGE.read_text()), done.stderr


def test_each_message_names_plugin_file_and_line() -> None:
    sections = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    assert list(sections) == [mistake.title for mistake in MISTAKES]
    messages = {title: text.rpartition("```console")[2] for title, text in sections.items()}
    place = re.compile(r"plugins/(acme|beta)\.py:\d+")
    assert {title for title, message in messages.items() if not place.search(message)} == NOT_THE_PLUGINS
    assert {title for title, message in messages.items() if not re.search("acme|beta", message)} == NOT_THE_PLUGINS
