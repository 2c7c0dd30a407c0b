"""The ten recipes of the cookbook run: each has a plugin and a test, which passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.installed import ROOT, environment

PAGE = (ROOT / "docs/how-to/cookbook.md").read_text()
FILES = dict(re.findall(r"^```python title=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_there_are_ten_each_with_a_plugin_and_a_test() -> None:
    names = [name for name in FILES if name.startswith("plugins/")]
    assert len(names) == len(re.findall(r"^## \d+\. ", PAGE, re.MULTILINE)) == 10
    assert list(FILES) == [file for name in names for file in (name, f"tests/test_{Path(name).name}")]


@pytest.mark.slow
def test_the_tests_of_all_recipes_pass(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    variables = environment(tmp_path)
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 passed" in done.stdout
