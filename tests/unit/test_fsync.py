"""Files and folders are fsynced together, in a copy of the process too."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from clerk.fsync import flush


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "file").write_text("text")
    return [tmp_path, tmp_path / "file"]


def test_a_path_that_is_not_there_is_an_error(paths: list[Path]) -> None:
    flush()
    flush(*paths)
    with pytest.raises(FileNotFoundError):
        flush(*paths, paths[0] / "missing")


def test_a_forked_copy_of_a_process_that_has_fsynced_can_fsync(paths: list[Path]) -> None:
    flush(*paths)
    copy = multiprocessing.get_context("fork").Process(target=flush, args=paths)
    copy.start()
    copy.join(10)
    ended = copy.exitcode
    copy.kill()
    assert ended == 0
