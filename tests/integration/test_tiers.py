"""The tiers of the tests: a unit test that uses a server is refused before any test runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import conftest

ASKING = """
import pytest

@pytest.fixture
def {fixture}():
    pass

@pytest.fixture
def ledger({fixture}):
    pass

def test_it(ledger):
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(("fixture", "code"), [("database_url", 4), ("_servers", 4), ("sqlite_url", 0)])
def test_a_unit_test_that_uses_a_server_is_refused(tmp_path: Path, fixture: str, code: int) -> None:
    shutil.copy(conftest.__file__, tmp_path)
    (tmp_path / "test_asking.py").write_text(ASKING.format(fixture=fixture))
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    refused = f"move it to tests/integration\ntest_asking.py::test_it uses {fixture}"
    assert (refused in done.stderr) == bool(code)
