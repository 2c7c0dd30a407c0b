"""The names that plugins of the RQ-based clerk import are there, in the modules where they look for them."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
import typer

from clerk.database.transactions import reading, transaction
from clerk.paths import site_dir
from clerk.sites.rows import insert_site, require_site
from devtools.trees import write_tree

NAMES = {
    "clerk": "Fetcher __version__ cli hookimpl main pm",
    "clerk.cli": """JsonFormatter STORAGE_DIR build_db_from_text_internal build_table_from_text cli configure_logging
        main pm update_page_count""",
    "clerk.db": "civic_db_connection db delete_site get_all_sites get_civic_db get_oldest_site get_site_by_subdomain",
    "clerk.fetcher": "Fetcher PDF_SUPPORT STORAGE_DIR get_fetcher pm",
    "clerk.queue": "QUEUE_NAMES enqueue_job generate_run_id get_job_function_map",
    "clerk.utils": """MeetingDateGroup PageFile STORAGE_DIR assert_db_exists build_db_from_text_internal
        build_table_from_text collect_page_files create_meetings_schema group_pages_by_meeting_date hash_text_content
        pm update_page_count""",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_are_where_they_were(module: str) -> None:
    there = import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(there, name)] == []
    assert not hasattr(there, "nonsense")


def test_a_site_is_compiled_and_counted_from_outside_of_a_job(sqlite_url: str) -> None:
    from clerk.cli import build_db_from_text_internal, update_page_count

    with transaction() as connection:
        insert_site(connection, {"subdomain": "a.ca", "name": "A", "state": "CA"})
    folder = write_tree(site_dir("a.ca"), {"txt/Council/2026-01-02/1": "one", "txt/Council/2026-01-02/2": "two"})
    build_db_from_text_internal("a.ca")
    update_page_count("a.ca")
    with closing(sqlite3.connect(folder / "meetings.db")) as made:
        assert made.execute("SELECT text FROM minutes ORDER BY page").fetchall() == [("one",), ("two",)]
    with reading() as connection:
        assert require_site(connection, "a.ca")["pages"] == 2


def test_the_database_is_made_and_then_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from clerk.utils import assert_db_exists

    monkeypatch.setenv("DATABASE_URL", "sqlite:///new.db")
    assert assert_db_exists() is assert_db_exists()
    with reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sites").scalar() == 0
    assert sorted(path.name for path in Path.cwd().glob("new.db*") if "backup" in path.name) == []


def test_the_queues_and_the_database_s_commands() -> None:
    from clerk.db import db
    from clerk.queue import QUEUE_NAMES

    assert {"default", "fetch", "ocr"} < set(QUEUE_NAMES)
    assert isinstance(db, typer.Typer)


def test_cli_is_the_program_although_a_module_of_that_name_was_imported() -> None:
    import clerk

    import_module("clerk.cli")
    from clerk import cli

    assert cli is clerk.cli is sys.modules["clerk.cli"].cli
    assert isinstance(cli, typer.Typer)
