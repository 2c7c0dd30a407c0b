"""What `plugins new` writes passes its own tests, mypy strict and ruff, as a folder and as a distribution."""

from __future__ import annotations

from pathlib import Path

import pytest

from clerk_tasks.cli.main import main
from devtools.plugin_files import imports_undone
from tests.docs.installed import linted, run

KINDS = ("fetcher", "etl", "job")


@linted
@pytest.mark.slow
def test_new_plugins_in_a_folder_pass_their_tests_and_mypy(tmp_path: Path) -> None:
    for kind in KINDS:
        assert main(["plugins", "new", f"my-{kind}", f"--{kind}", "--dir", str(tmp_path)]) == 0
    assert "10 passed" in run(tmp_path, ["pytest", "-q", "-p", "no:cacheprovider", "tests"])
    assert "9 plugins, all of them work" in run(tmp_path, ["clerk_tasks", "plugins", "check"])
    for version in ("3.11", "3.13"):
        run(tmp_path, ["mypy", "--strict", "--config-file=", f"--python-version={version}", "plugins", "tests"])


@linted
@pytest.mark.slow
def test_new_distributions_pass_their_tests_and_mypy(tmp_path: Path) -> None:
    for kind in KINDS:
        assert main(["plugins", "new", f"my-{kind}", f"--{kind}", "--distribution", "--dir", str(tmp_path)]) == 0
        assert " passed" in run(tmp_path / f"my-{kind}", ["pytest", "-q", "-p", "no:cacheprovider"])
        run(tmp_path / f"my-{kind}", ["ruff", "check", "--select", "E,F,I,B,UP,SIM", "--line-length", "120", "."])
        run(tmp_path / f"my-{kind}", ["ruff", "format", "--check", "--line-length", "120", "."])
    run(tmp_path / "my-job", ["mypy"])  # the modules of the others are those of the folder


@pytest.fixture
def _undone(tmp_path: Path) -> object:
    with imports_undone(tmp_path):
        yield


@pytest.mark.usefixtures("_undone")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("greetings", 2, "one of --fetcher, --etl, --job"),
        ("greetings --job --etl", 2, "one of --fetcher, --etl, --job"),
        ("Greetings --job", 2, "may hold lower-case letters, digits and single hyphens"),
        ("../greetings --job", 2, "may hold lower-case letters, digits and single hyphens"),
        ("json --job", 2, "is taken by Python or clerk"),
        ("class --job", 2, "is taken by Python or clerk"),
        ("fetch-site --job", 4, "there is a job type fetch-site already"),
    ],
)
def test_a_wrong_call_writes_nothing(words: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", *words.split()]) == code
    assert said in capsys.readouterr().err
    assert not Path("plugins").exists()


def test_a_file_that_is_there_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tests").mkdir()
    Path("tests/test_greetings.py").write_text("mine")
    assert main(["plugins", "new", "greetings", "--job"]) == 4
    assert "tests/test_greetings.py is there already" in capsys.readouterr().err
    assert Path("tests/test_greetings.py").read_text() == "mine"
    assert not Path("plugins").exists()
