"""An upgrade happens whole or not at all, by one process at a time, after a backup."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from clerk.database import migrate
from clerk.database.schema_version import HEAD, REVISIONS
from clerk.errors import ClerkError, DatabaseUnavailable
from devtools.processes import wait_for
from devtools.small_disk import mounted
from tests.integration.db import samples

pytestmark = pytest.mark.slow


def at_unknown_revision(url: str) -> None:
    migrate.upgrade(url, to="e032d9c68444")
    samples.execute(url, "UPDATE alembic_version SET version_num = '0123456789ab'")


def of_another_program(url: str) -> None:
    samples.execute(url, "CREATE TABLE sites (id INTEGER PRIMARY KEY, domain TEXT)")


@pytest.mark.parametrize(
    ("make", "says"),
    [(at_unknown_revision, "unknown revision 0123456789ab"), (of_another_program, "of another program")],
)
def test_a_database_that_is_not_ours_is_left_alone(
    make: Callable[[str], None], says: str, empty_database_url: str, tmp_path: Path
) -> None:
    make(empty_database_url)
    before, files = samples.snapshot(empty_database_url), contents(tmp_path)

    with pytest.raises(DatabaseUnavailable, match=says) as caught:
        migrate.upgrade(empty_database_url)

    assert caught.value.exit_code == 5
    assert samples.snapshot(empty_database_url) == before
    assert contents(tmp_path) == files, "not a byte of a file is changed, and no backup made"


def test_an_upgrade_that_fails_changes_nothing(empty_database_url: str, tmp_path: Path) -> None:
    """The ledger is the last step; a stranger's table in its way fails it after all others are done."""
    migrate.upgrade(empty_database_url, to="9daf09ff2554")
    samples.execute(
        empty_database_url, "CREATE TABLE jobs (mine TEXT)", "INSERT INTO sites (subdomain) VALUES ('a.ca')"
    )
    before, files = samples.snapshot(empty_database_url), sorted(contents(tmp_path))

    with pytest.raises(ClerkError, match=r"nothing was changed: .*jobs.* already exists"):
        migrate.upgrade(empty_database_url)

    assert samples.snapshot(empty_database_url) == before
    assert sorted(contents(tmp_path)) == files
    assert migrate.current(empty_database_url).revision == "9daf09ff2554"


@pytest.mark.parametrize("room", [30_000, 110_000], ids=["in a statement", "at the commit"])
def test_a_disk_that_fills_up_changes_nothing_and_keeps_no_backup(room: int, tmp_path: Path) -> None:
    """There is room for the backup, and some bytes more."""
    with mounted(tmp_path / "disk", megabytes=1) as disk:
        url = f"sqlite:///{disk.root / 'civic.db'}"
        migrate.upgrade(url, to="9daf09ff2554")
        samples.execute(url, "PRAGMA journal_mode = DELETE")
        before = contents(disk.root)
        disk.fill(leave=len(before["civic.db"]) + room)

        with pytest.raises(ClerkError, match=r"nothing was changed: .*disk is full"):
            migrate.upgrade(url)

        assert contents(disk.root) == before


def test_a_database_that_hangs_up_is_not_said_to_be_unchanged(empty_postgres_url: str) -> None:
    migrate.upgrade(empty_postgres_url, to="9daf09ff2554")
    waiting = "datname = current_database() AND wait_event_type = 'Lock'"
    hang_up = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {waiting}"
    with samples.connect_postgres(empty_postgres_url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("BEGIN; LOCK TABLE sites")
        upgrading = pool.submit(migrate.upgrade, empty_postgres_url)
        with samples.connect_postgres(empty_postgres_url) as killer:
            wait_for(lambda: killer.execute(hang_up).fetchall(), "the upgrade has met the lock")

        with pytest.raises(DatabaseUnavailable, match="Cannot connect to database"):
            upgrading.result()


def test_a_lost_stamp_is_found_again(database_url: str, tmp_path: Path) -> None:
    samples.execute(database_url, "INSERT INTO sites (subdomain) VALUES ('a.ca')", "DROP TABLE alembic_version")
    before = samples.snapshot(database_url)

    done = migrate.upgrade(database_url)

    after = samples.snapshot(database_url)
    assert (done.before, done.after, done.applied) == (None, HEAD, ())
    assert after.pop("alembic_version") == [{"version_num": HEAD}]
    assert after == before
    assert migrate.check(database_url) == []
    assert migrate.upgrade(database_url).backup is None, "there is nothing left to do"


def test_the_backup_has_what_the_write_ahead_log_has(empty_sqlite_url: str) -> None:
    migrate.upgrade(empty_sqlite_url, to="f33eeb46479b")
    with sa.create_engine(empty_sqlite_url).connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("INSERT INTO sites (subdomain, extra) VALUES ('a.ca', 'still in the log')")
        connection.commit()

        backup = migrate.upgrade(empty_sqlite_url).backup

    assert backup is not None
    assert backup.name.startswith("civic.db.backup-f33eeb46479b-")
    assert [row["extra"] for row in samples.snapshot(f"sqlite:///{backup}")["sites"]] == ["still in the log"]
    assert migrate.upgrade(f"sqlite:///{backup}").after == HEAD, "a backup is a database like any other"


def test_without_room_for_a_backup_nothing_is_changed(empty_sqlite_url: str) -> None:
    samples.load_sqlite("9daf09ff2554", samples.path_of(empty_sqlite_url))
    deep = samples.path_of(empty_sqlite_url).rename(
        samples.path_of(empty_sqlite_url).with_name("c" * 240)
    )  # no name left for a backup
    before = deep.read_bytes()

    with pytest.raises(ClerkError, match=r"Cannot back up .* Nothing was changed"):
        migrate.upgrade(f"sqlite:///{deep}")

    assert deep.read_bytes() == before


@pytest.mark.slow
def test_many_processes_may_upgrade_at_once(empty_database_url: str, tmp_path: Path) -> None:
    migrate.upgrade(empty_database_url, to="9daf09ff2554")
    samples.execute(empty_database_url, "INSERT INTO sites (subdomain) VALUES ('a.ca')")
    script = "from clerk.database.migrate import upgrade; print(len(upgrade().applied))"
    run = [sys.executable, "-c", script]

    started = [subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [process.communicate(timeout=60) for process in started]

    assert [process.returncode for process in started] == [0, 0, 0, 0], ended
    assert sorted(int(output) for output, _ in ended) == [0, 0, 0, len(REVISIONS[4:])], "one of them did the work"
    assert len([name for name in contents(tmp_path) if "backup" in name]) == empty_database_url.startswith("sqlite")
    assert migrate.check(empty_database_url) == []


def test_what_others_hang_on_sites_survives(empty_sqlite_url: str) -> None:
    samples.load_sqlite("e032d9c68444", samples.path_of(empty_sqlite_url))
    samples.execute(
        empty_sqlite_url,
        "CREATE VIEW californian AS SELECT subdomain FROM sites WHERE state = 'CA'",
        "CREATE TABLE log (subdomain TEXT)",
        "CREATE TRIGGER note AFTER DELETE ON sites BEGIN INSERT INTO log VALUES (old.subdomain); END",
        *(indexes := ["CREATE INDEX mine ON sites (name)", "CREATE INDEX by_lower_name ON sites (lower(name))"]),
        "CREATE TABLE notes (subdomain REFERENCES sites (subdomain) ON DELETE CASCADE)",
        "INSERT INTO notes VALUES ('seattle.wa')",
        "ALTER TABLE sites ADD COLUMN mine TEXT DEFAULT 'kept'",
        "ALTER TABLE sites ADD COLUMN untyped",
        "UPDATE sites SET untyped = 17",
    )

    migrate.upgrade(empty_sqlite_url)

    samples.execute(empty_sqlite_url, "DELETE FROM sites WHERE subdomain = 'seattle.wa'")
    engine = sa.create_engine(empty_sqlite_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notes").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM californian").scalar() == 3
        assert connection.exec_driver_sql("SELECT subdomain FROM log").scalars().all() == ["seattle.wa"]
        assert connection.exec_driver_sql("SELECT DISTINCT mine, untyped FROM sites").all() == [("kept", 17)]
        found = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'index'").scalars().all()
        assert set(indexes) <= set(found), "word for word"
    engine.dispose()


def test_upgrading_leaves_the_write_ahead_log_on(empty_sqlite_url: str) -> None:
    """Else the first workers, started together, would each try to turn it on and find the file locked."""
    migrate.upgrade(empty_sqlite_url)

    engine = sa.create_engine(empty_sqlite_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


def test_special_characters_in_an_address(empty_postgres_url: str) -> None:
    """A percent sign once met configparser's interpolation, and `postgres://` no driver."""
    url = sa.make_url(empty_postgres_url).set(drivername="postgres", password="a%b@c")
    done = migrate.upgrade(url.render_as_string(hide_password=False))

    assert done.after == HEAD
    assert "a%" not in done.database


def test_looking_at_a_missing_file_does_not_make_it(empty_sqlite_url: str) -> None:
    assert migrate.current(empty_sqlite_url).revision is None
    assert "run `clerk-tasks db upgrade`" in migrate.check(empty_sqlite_url)[0]
    assert not samples.path_of(empty_sqlite_url).exists()


def contents(folder: Path) -> dict[str, bytes]:
    """Return every database file of a folder and what is in it."""
    return {path.name: path.read_bytes() for path in folder.glob("civic.db*")}
