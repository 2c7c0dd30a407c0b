"""A finance database is published by its own load, whether or not the site has meetings."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clerk.errors import UsageError
from clerk.publication import Refused
from devtools.netfile_books import Year, rows_of
from plugins.local_publish.deploy import publish_site
from plugins.local_publish.versions import kept, roll_back
from tests.integration.finance.conftest import Town, add_town
from tests.integration.finance.towns import report

__all__ = ["add_town"]

pytestmark = pytest.mark.slow

NAME = "finance/election_finance.db"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLERK_PUBLISH_DIR", str(tmp_path / "published"))
    return tmp_path / "published"


@pytest.fixture
def town(add_town: Callable[..., Town], folder: Path) -> Town:
    """Give a site that has no meetings, with a workbook in its drop folder."""
    town = add_town("oakland.ca", name="Oakland")
    town.drop_rows("2023.xlsx", rows_of(report(6)))
    return town


def ask(path: Path, sql: str) -> Any:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchone()[0]


def gifts(folder: Path) -> int:
    return int(ask(folder / "oakland.ca" / NAME, "SELECT COUNT(*) FROM monetary_contributions"))


def test_a_site_without_meetings_is_published_at_the_end_of_its_load(town: Town, folder: Path) -> None:
    town.etl()
    assert gifts(folder) == 6
    assert ask(folder / "sites.db", "SELECT finance_record_count FROM sites") == town.row()["finance_record_count"]
    assert town.row()["last_deployed"] is None, "that is when its meetings were"
    (version,) = kept("oakland.ca")
    assert (version["database"], version["live"]) == (NAME, True)


def test_a_load_that_finds_nothing_new_publishes_what_was_not(town: Town, folder: Path) -> None:
    town.etl()
    shutil.rmtree(folder)
    assert town.etl()["outcome"] == "unchanged"
    assert gifts(folder) == 6
    town.etl()
    assert len(kept("oakland.ca")) == 1


def test_meetings_have_no_part_in_it(town: Town, folder: Path) -> None:
    meetings = town.finance.parent / "meetings.db"
    meetings.parent.mkdir(parents=True, exist_ok=True)
    meetings.write_bytes(b"no database")
    town.etl()
    assert gifts(folder) == 6
    with pytest.raises(Refused, match=r"meetings\.db was not published"):
        publish_site("oakland.ca")


def test_the_guard_keeps_a_small_database_from_readers(town: Town, folder: Path) -> None:
    town.etl()
    before = town.row()["finance_last_updated"]
    town.database.unlink()  # so that the load itself has nothing to compare with
    (town.finance / "raw" / "manifest.json").unlink()
    town.drop_rows("2023.xlsx", Year([]).rows() | {"497": rows_of(report(1))["A-Contributions"][:1]})
    with pytest.raises(Refused, match=r"election_finance\.db was not published, it has \d+ rows after"):
        town.etl()
    assert gifts(folder) == 6
    assert town.row()["finance_last_updated"] == before
    town.etl(accept_shrink=True)
    assert gifts(folder) == 0


def test_a_rollback_stays_until_the_input_changes(town: Town, folder: Path) -> None:
    town.etl()
    town.drop_rows("2023.xlsx", rows_of(report(8)))
    town.etl()
    assert gifts(folder) == 8
    assert roll_back("oakland.ca", None, None)["database"] == NAME
    assert gifts(folder) == 6
    town.etl(force=True)  # made again from the same input: another file, with the same rows
    assert gifts(folder) == 6
    town.drop_rows("2023.xlsx", rows_of(report(9)))
    town.etl()
    assert gifts(folder) == 9


def test_the_database_of_a_rollback_is_named_if_it_is_unknown(town: Town) -> None:
    town.etl()
    with pytest.raises(UsageError, match="it is meetings or election_finance"):
        roll_back("oakland.ca", "items", None)
