"""The names that plugins of the RQ-based clerk import are there, in the modules where they look for them."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
import typer
from sqlalchemy import select, text

from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk.paths import site_dir
from clerk.sites.rows import insert_site, require_site
from devtools.trees import write_tree

NAMES = {
    "clerk": "Fetcher __version__ cli hookimpl main pm",
    "clerk.cli": """JsonFormatter STORAGE_DIR build_db_from_text_internal build_table_from_text cli configure_logging
        fetch_internal main pm rebuild_site_fts_internal update_page_count""",
    "clerk.db": """civic_db_connection db delete_site get_all_sites get_civic_db get_db get_oldest_site
        get_site_by_subdomain insert_site update_site upsert_site""",
    "clerk.fetcher": """Fetcher NUM_WORKERS PDF_CHUNK_SIZE PDF_CONVERT_TIMEOUT PDF_READ_TIMEOUT PDF_SUPPORT STORAGE_DIR
        USE_PDF_SUBPROCESS_ISOLATION fetch_internal get_fetcher pm""",
    "clerk.finance_db": """get_all_sites get_finance_metadata get_next_finance_site get_sites_with_finance_data
        update_site update_site_finance_metadata update_site_finance_status""",
    "clerk.hookspecs": "ClerkSpec hookimpl hookspec",
    "clerk.migrations": "count_pdf_files count_txt_files find_stuck_sites",
    "clerk.models": "job_tracking_table metadata site_progress_table sites_table",
    "clerk.ocr_utils": """CRITICAL_ERRORS FailureManifest JobState PERMANENT_ERRORS PdfReadError TRANSIENT_ERRORS logger
        print_progress retry_on_transient""",
    "clerk.output": "ClerkLogger JsonFormatter configure configure_logging log logger",
    "clerk.queue_db": """create_site_progress delete_site_progress get_jobs_for_site increment_stage_progress track_job
        track_jobs_bulk update_site_progress""",
    "clerk.settings": "Settings get_env get_env_bool get_env_float get_env_int settings",
    "clerk.workers": "db_compilation_job deploy_job fetch_site_job rebuild_site_fts_internal",
    "clerk.plugin_loader": """discover_entry_point_plugins has_hookimpl_methods load_plugins_from_directory
        load_plugins_from_entry_points""",
    "clerk.queue": """QUEUE_NAMES enqueue_job generate_run_id get_compilation_queue get_deploy_queue
        get_extraction_queue get_fetch_queue get_finance_queue get_high_queue get_job_function_map get_ocr_queue
        get_redis""",
    "clerk.utils": """MeetingDateGroup PageData PageFile STORAGE_DIR assert_db_exists build_db_from_text_internal
        build_table_from_text collect_page_files create_meetings_schema discover_entry_point_plugins get_plugin_manager
        group_pages_by_meeting_date hash_text_content load_extraction_cache pm save_extraction_cache
        update_page_count""",
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
        columns = connection.exec_driver_sql("SELECT name FROM pragma_table_info('feed_entries')").scalars().all()
    assert columns == ["subdomain", "date", "kind", "name"], "the table of feeds was made beside sites"
    assert sorted(path.name for path in Path.cwd().glob("new.db*") if "backup" in path.name) == []


def test_a_connection_commits_what_its_user_commits(sqlite_url: str) -> None:
    from clerk.db import get_db

    for number, commits in ((1, True), (2, False)):
        with get_db() as connection:
            insert_site(connection, {"subdomain": f"{number}.ca", "name": "A", "state": "CA"})
            if commits:
                connection.commit()
                assert connection.execute(text("SELECT count(*) FROM sites")).scalar() == 1
    with reading() as connection:
        assert connection.exec_driver_sql("SELECT subdomain FROM sites").scalars().all() == ["1.ca"]


def test_the_search_of_a_site_is_made_again(sqlite_url: str) -> None:
    from clerk.cli import build_db_from_text_internal, rebuild_site_fts_internal

    with transaction() as connection:
        insert_site(connection, {"subdomain": "a.ca", "name": "A", "state": "CA"})
    path = write_tree(site_dir("a.ca"), {"txt/Council/2026-01-02/1": "parks"}) / "meetings.db"
    build_db_from_text_internal("a.ca")
    found = "SELECT count(*) FROM minutes_fts WHERE minutes_fts MATCH 'trees'"
    with closing(sqlite3.connect(path)) as made:
        made.execute("UPDATE minutes SET text = 'trees'")
        made.execute("DROP TABLE agendas_fts")
        made.commit()
        assert made.execute(found).fetchone() == (0,)
        rebuild_site_fts_internal("a.ca")
        assert made.execute(found).fetchone() == (1,)
        assert made.execute("SELECT count(*) FROM agendas_fts").fetchone() == (0,)


@pytest.mark.parametrize("as_generator", [True, False])
def test_a_site_is_fetched_here_and_now(sqlite_url: str, as_generator: bool) -> None:
    from clerk.fetcher import fetch_internal

    with transaction() as connection:
        insert_site(connection, {"subdomain": "a.ca", "name": "A", "state": "CA"})
    seen = []

    class Plain:
        def fetch_events(self) -> None:
            with reading() as connection:
                seen.append(require_site(connection, "a.ca")["status"])

    class Generating(Plain):
        def fetch_events(self) -> Iterator[None]:  # type: ignore[override]
            super().fetch_events()
            yield

    fetch_internal("a.ca", Generating() if as_generator else Plain())
    with reading() as connection:
        site = require_site(connection, "a.ca")
    assert (seen, site["status"]) == (["fetching"], "needs_ocr")
    assert datetime.strptime(site["last_updated"], "%Y-%m-%dT%H:%M:%S")


def test_what_was_extracted_is_kept_for_the_text_that_it_is_of(tmp_path: Path) -> None:
    from clerk.utils import load_extraction_cache, save_extraction_cache

    path, kept = tmp_path / "1.txt.extracted.json", {"content_hash": "h", "entities": {}, "votes": {"votes": []}}
    assert load_extraction_cache(str(path), "h") is None
    save_extraction_cache(str(path), kept)
    assert load_extraction_cache(str(path), "h") == kept
    assert load_extraction_cache(str(path), "other") is None
    for damaged in ("{", "[]", '{"content_hash": "h"}'):
        path.write_text(damaged)
        assert load_extraction_cache(str(path), "h") is None
    save_extraction_cache(tmp_path, kept)


def test_a_queue_enqueues_the_job_type_of_a_function(sqlite_url: str) -> None:
    from clerk.queue import get_high_queue, get_job_function_map, get_ocr_queue, job_states

    with transaction() as connection:
        insert_site(connection, {"subdomain": "a.ca", "name": "A", "state": "CA"})
    compilation = get_job_function_map()["db-compilation"]
    (job,) = job_states([get_high_queue().enqueue(compilation, "a.ca").id])
    assert (job["job_type"], job["subdomain"], job["priority"]) == ("db-compilation", "a.ca", "high")
    assert get_ocr_queue().name == "ocr"
    with pytest.raises(ValueError, match="is the function of no job type"):
        get_ocr_queue().enqueue(print, "a.ca")


@pytest.mark.parametrize(
    ("url", "path"),
    [("redis://127.0.0.1:6390/2", None), (None, "valkey.sock")],
    ids=["redis", "embedded"],
)
def test_the_broker_s_client(monkeypatch: pytest.MonkeyPatch, url: str | None, path: str | None) -> None:
    from clerk.queue import get_redis

    if url:
        monkeypatch.setenv("BROKER_URL", url)
    options = get_redis().connection_pool.connection_kwargs
    assert options["path"].endswith(".sock") if path else (options["port"], options["db"]) == (6390, 2)


def test_there_is_no_redis_where_the_broker_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from clerk.queue import get_redis

    monkeypatch.setenv("BROKER_URL", "amqp://guest@127.0.0.1")
    with pytest.raises(UsageError, match="needs Redis or Valkey as the broker"):
        get_redis()


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


def test_a_plugin_s_own_progress_is_written_and_the_ledger_s_jobs_are_listed(sqlite_url: str) -> None:
    from clerk import queue_db
    from clerk.models import site_progress_table
    from clerk.queue import get_fetch_queue, job_states
    from clerk.workers import fetch_site_job

    def row() -> tuple[object, ...] | None:
        progress = connection.execute(select(site_progress_table)).first()
        return None if progress is None else tuple(progress)[:4]

    with transaction() as connection:
        insert_site(connection, {"subdomain": "a.ca", "name": "A", "state": "CA"})
        for stage in ("ocr", "fetch"):
            queue_db.create_site_progress(connection, "a.ca", stage)
        assert row() == ("a.ca", "fetch", 0, 0)
        queue_db.increment_stage_progress(connection, "a.ca")
        queue_db.update_site_progress(connection, "a.ca", stage="ocr")
        assert row() == ("a.ca", "ocr", 0, 1)
        queue_db.update_site_progress(connection, "a.ca", stage_total=4)
        assert row() == ("a.ca", "ocr", 4, 0)
        queue_db.delete_site_progress(connection, "a.ca")
        assert row() is None
    first = get_fetch_queue().enqueue(fetch_site_job, "a.ca", all_agendas=True).id
    with transaction() as connection:
        queue_db.track_job(connection, first, "a.ca", "fetch-site", "fetch")
        found = queue_db.get_jobs_for_site(connection, "a.ca")
        assert queue_db.get_jobs_for_site(connection, "b.ca") == []
    (run_id,) = {job["run_id"] for job in found}
    assert [(job["rq_job_id"], job["job_type"], job["stage"]) for job in found][:1] == [(first, "fetch-site", "fetch")]
    assert (run_id, found[0]["subdomain"]) == (job_states([first])[0]["run_id"], "a.ca")
    assert found[0]["created_at"] is not None


def test_sites_that_stand_still_and_their_files_are_found(sqlite_url: str) -> None:
    from clerk.migrations import count_pdf_files, count_txt_files, find_stuck_sites

    changed = {"a.ca": ("ocr", 3), "b.ca": ("ocr", 1), "c.ca": ("completed", 3), "d.ca": (None, 3)}
    with transaction() as connection:
        for subdomain, (stage, hours) in changed.items():
            moment = datetime.now(UTC) - timedelta(hours=hours)
            row = {"subdomain": subdomain, "name": "A", "state": "CA", "current_stage": stage, "updated_at": moment}
            insert_site(connection, row)
    assert [site.subdomain for site in find_stuck_sites()] == ["a.ca"]
    texts = (
        "txt/Council/2026-01-02/1",
        "txt/Council/2026-01-02/2",
        "txt/Zoning/2026-01-02/1",
        "_agendas/txt/A/2026-01-02/1",
    )
    folder = write_tree(site_dir("a.ca"), dict.fromkeys(texts, "words"))
    (folder / "txt/Council/2026-01-04").mkdir()
    for name in ("pdfs/Council/2026-01-03.pdf", "_agendas/pdfs/Council/2026-01-03.pdf", "pdfs/Council/2026-01-04.docx"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert (count_txt_files("a.ca"), count_pdf_files("a.ca")) == (2, 2)
    assert (count_txt_files("b.ca"), count_pdf_files("b.ca")) == (0, 0)
