"""`clerk-tasks db`, as an operator types it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from clerk.database import migrate
from clerk.database.schema_version import HEAD, REVISIONS
from clerk_tasks.cli.main import main
from devtools.processes import script
from devtools.services import free_port
from tests.integration.db import samples

pytestmark = pytest.mark.slow

Capture = pytest.CaptureFixture[str]


def test_upgrade_says_what_it_did(empty_database_url: str, capsys: Capture) -> None:
    migrate.upgrade(empty_database_url, to="e032d9c68444")
    assert main(["db", "upgrade", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)

    assert (done["before"], done["after"], done["applied"]) == ("e032d9c68444", HEAD, list(REVISIONS[7:]))
    if empty_database_url.startswith("sqlite"):
        assert Path(done["backup"]).name.startswith("civic.db.backup-e032d9c68444-")
    else:
        assert done["backup"] is None

    assert main(["db", "upgrade"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_current_and_check_before_and_after(empty_database_url: str, capsys: Capture) -> None:
    assert main(["db", "current"]) == 0
    assert "no revision" in capsys.readouterr().out
    assert main(["db", "check"]) == 1
    assert "run `clerk-tasks db upgrade`" in capsys.readouterr().err

    assert main(["db", "upgrade"]) == 0
    capsys.readouterr()

    assert main(["db", "current", "--json"]) == 0
    current = json.loads(capsys.readouterr().out)
    assert (current["revision"], current["head"], current["usable"]) == (HEAD, HEAD, True)
    assert main(["db", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": []}


def test_history_needs_no_database(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{free_port()}/none")

    assert main(["db", "history", "--json"]) == 0

    assert [step["revision"] for step in json.loads(capsys.readouterr().out)] == list(REVISIONS)


@pytest.mark.parametrize("command", ["upgrade", "current", "check"])
def test_an_unreachable_database_is_exit_5(command: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:s3cr3t@127.0.0.1:{free_port()}/none")

    assert main(["db", command]) == 5

    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert "Cannot connect to database" in output.err
    assert "s3cr3t" not in output.err


@pytest.mark.parametrize("command", [["db", "upgrade"], ["sites", "list"]], ids=" ".join)
def test_an_unknown_revision_is_one_line_and_exit_5(command: list[str], database_url: str, capsys: Capture) -> None:
    samples.execute(database_url, "UPDATE alembic_version SET version_num = 'feedc0ffee00'")

    assert main(command) == 5

    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert "unknown revision feedc0ffee00" in output.err


def test_from_any_directory_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With folders there that could be taken for ours."""
    for folder in ("migrations", "alembic", "clerk"):
        (tmp_path / "work" / folder).mkdir()
    result = subprocess.run([script("clerk-tasks"), "db", "upgrade"], capture_output=True, text=True, timeout=60)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"sqlite:///civic.db: no revision -> {HEAD}")
    with closing(sqlite3.connect(tmp_path / "work" / "civic.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def test_a_failure_is_exit_1_and_says_that_nothing_was_changed(empty_database_url: str, capsys: Capture) -> None:
    migrate.upgrade(empty_database_url, to="45db71312424")
    samples.execute(empty_database_url, "CREATE TABLE jobs (mine TEXT)")

    assert main(["db", "upgrade"]) == 1

    assert "nothing was changed" in capsys.readouterr().err
