"""Databases at each revision, half way between two, and without a version: all end alike."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from clerk import finance_db
from clerk.database import migrate
from clerk.database.schema_version import HEAD, REVISIONS
from tests.integration.db import samples

pytestmark = pytest.mark.slow

UPSTREAM = REVISIONS[:9]
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SITE = "INSERT INTO sites (subdomain, name, extra, last_updated) VALUES ('são.br', 'São Tomé', 'not json', '2026-1-5')"


def fill(url: str, revision: str) -> None:
    """Put rows into every table that a database of this revision has."""
    key = "site_id" if revision == "c27bd77144ce" else "subdomain"
    samples.execute(url, SITE, "CREATE TABLE feed_entries (subdomain TEXT, name TEXT)")
    samples.execute(url, "INSERT INTO feed_entries VALUES ('são.br', 'Ata nº 7')")
    if revision != "45db71312424":
        samples.execute(url, f"INSERT INTO site_progress ({key}, current_stage) VALUES ('gone.tx', 'ocr')")
    if revision not in ("45db71312424", "f33eeb46479b"):
        samples.execute(
            url, f"INSERT INTO job_tracking (rq_job_id, {key}, job_type) VALUES ('j-1', 'gone.tx', 'ocr-page')"
        )


@pytest.mark.parametrize(
    ("revision", "versioned"),
    [(revision, True) for revision in UPSTREAM] + [(revision, False) for revision in UPSTREAM[1::3]],
)
def test_any_revision_reaches_the_newest(revision: str, versioned: bool, empty_database_url: str) -> None:
    url = empty_database_url
    assert migrate.upgrade(url, to=revision).after == revision
    fill(url, revision)
    if not versioned:
        samples.execute(url, "DROP TABLE alembic_version")
    before = samples.snapshot(url)

    done = migrate.upgrade(url)

    after = samples.snapshot(url)
    samples.assert_kept(before, after)
    assert (done.before, done.after) == (revision if versioned else None, HEAD)
    assert migrate.check(url) == []
    assert migrate.upgrade(url).applied == ()
    assert [(row["coordinator_enqueued"], row["has_finance_data"], row["ocr_total"]) for row in after["sites"]] == [
        (0, 0, 0)
    ]


def test_an_empty_database_becomes_a_whole_one(empty_database_url: str) -> None:
    done = migrate.upgrade(empty_database_url)

    assert (done.before, done.after, done.applied, done.backup) == (None, HEAD, REVISIONS, None)
    assert migrate.check(empty_database_url) == []


def test_every_spelling_of_a_boolean_is_understood(empty_sqlite_url: str) -> None:
    false, true = [0, "false", "FALSE", "f", "0", "", "no"], [1, "true", "True ", "TRUE", "t", "1", 2]
    meanings = {f"{stored!r}.ca": (stored, meaning) for meaning, group in enumerate((false, true)) for stored in group}
    migrate.upgrade(empty_sqlite_url, to="f33eeb46479b")
    with closing(sqlite3.connect(samples.path_of(empty_sqlite_url))) as connection, connection:
        insert = "INSERT INTO sites (subdomain, coordinator_enqueued, has_finance_data) VALUES (?, ?, ?)"
        connection.executemany(insert, [(name, stored, stored) for name, (stored, _) in meanings.items()])

    migrate.upgrade(empty_sqlite_url)

    found = {
        row["subdomain"]: list(samples.flags({"sites": [row]})) for row in samples.snapshot(empty_sqlite_url)["sites"]
    }
    assert found == {name: [meaning, meaning] for name, (_, meaning) in meanings.items()}


def test_a_boolean_that_was_null_is_false(empty_sqlite_url: str) -> None:
    samples.load_sqlite("unversioned_create_all", samples.path_of(empty_sqlite_url))
    samples.execute(empty_sqlite_url, "UPDATE sites SET coordinator_enqueued = NULL, fetch_total = NULL")

    migrate.upgrade(empty_sqlite_url)

    rows = samples.snapshot(empty_sqlite_url)["sites"]
    assert {(row["coordinator_enqueued"], row["fetch_total"]) for row in rows} == {(0, 0)}


def test_a_new_row_has_real_booleans(empty_sqlite_url: str) -> None:
    samples.load_sqlite("e032d9c68444", samples.path_of(empty_sqlite_url))
    migrate.upgrade(empty_sqlite_url)

    samples.execute(empty_sqlite_url, "INSERT INTO sites (subdomain) VALUES ('new.ca')")

    new = [row for row in samples.snapshot(empty_sqlite_url)["sites"] if row["subdomain"] == "new.ca"]
    assert list(samples.flags({"sites": new})) == [0, 0]


def test_a_data_fix_that_stopped_half_way_is_finished(empty_sqlite_url: str) -> None:
    """e032d9c68444 was four statements and no transaction: one column done, the other not, and no new version."""
    samples.load_sqlite("e032d9c68444", samples.path_of(empty_sqlite_url))
    samples.execute(
        empty_sqlite_url,
        "UPDATE alembic_version SET version_num = 'f3d4e5b6c7a8'",
        "UPDATE sites SET coordinator_enqueued = 'true' WHERE subdomain = 'seattle.wa'",
    )
    before = samples.snapshot(empty_sqlite_url)

    migrate.upgrade(empty_sqlite_url)

    after = samples.snapshot(empty_sqlite_url)
    samples.assert_kept(before, after)
    assert [row["coordinator_enqueued"] for row in after["sites"] if row["subdomain"] == "seattle.wa"] == [1]


def test_columns_added_half_way_are_completed(empty_sqlite_url: str) -> None:
    migrate.upgrade(empty_sqlite_url, to="e2eeb77e18bc")
    samples.execute(
        empty_sqlite_url,
        "ALTER TABLE sites ADD COLUMN finance_last_updated DATETIME",
        "ALTER TABLE sites ADD COLUMN finance_source VARCHAR(100)",
        "INSERT INTO sites (subdomain, finance_source) VALUES ('a.ca', 'NetFile')",
    )

    migrate.upgrade(empty_sqlite_url)

    assert migrate.check(empty_sqlite_url) == []
    assert samples.snapshot(empty_sqlite_url)["sites"][0]["finance_source"] == "NetFile"


def test_newer_tables_beside_an_older_sites_are_completed(empty_database_url: str) -> None:
    """`create_all` of a newer release adds tables, never columns."""
    url = empty_database_url
    migrate.upgrade(url, to="bf2f44a2e00c")
    samples.execute(url, "DROP TABLE alembic_version", "DROP TABLE sites")
    samples.execute(url, "CREATE TABLE sites (subdomain VARCHAR NOT NULL PRIMARY KEY, name VARCHAR)")
    samples.execute(url, "INSERT INTO sites VALUES ('old.ca', 'Old')")
    samples.execute(
        url, "INSERT INTO job_tracking (rq_job_id, subdomain, job_type) VALUES ('j', 'old.ca', 'fetch-site')"
    )

    migrate.upgrade(url)

    after = samples.snapshot(url)
    assert [row["name"] for row in after["sites"]] == ["Old"]
    assert [row["rq_job_id"] for row in after["job_tracking_archive"]] == ["j"]
    assert migrate.check(url) == []


def test_columns_of_other_types_and_columns_of_others(empty_database_url: str) -> None:
    """As sqlite-utils and old releases made `sites`; later ones dropped its last four columns."""
    url = empty_database_url
    samples.execute(
        url,
        "CREATE TABLE sites (subdomain TEXT PRIMARY KEY, name TEXT, extra TEXT, last_updated TEXT,"
        " updated_at TIMESTAMP, ocr_class TEXT, docker_port TEXT, save_agendas TEXT, site_db TEXT)",
        "INSERT INTO sites VALUES ('a.ca', 'Ā', '{', '2026-1-5', '2026-01-05 12:00:00', 'x', '8001', '1', 'a.db')",
        "CREATE INDEX theirs ON sites (site_db)",
    )
    if url.startswith("postgresql"):
        name = sa.make_url(url).database
        samples.execute(url, f"ALTER DATABASE \"{name}\" SET timezone TO 'America/Los_Angeles'")
    (before,) = samples.snapshot(url)["sites"]

    migrate.upgrade(url)

    (after,) = samples.snapshot(url)["sites"]
    assert {name: after[name] for name in before} == {**before, "updated_at": after["updated_at"]}
    assert finance_db.get_all_sites()[0]["updated_at"] == NOON
    assert migrate.check(url) == []


def test_a_row_without_a_key_is_kept_and_checked_for(empty_sqlite_url: str) -> None:
    """SQLite lets a text that is a primary key be null."""
    samples.execute(
        empty_sqlite_url, "CREATE TABLE sites (subdomain TEXT PRIMARY KEY)", "INSERT INTO sites VALUES (NULL)"
    )

    migrate.upgrade(empty_sqlite_url)

    assert [row["subdomain"] for row in samples.snapshot(empty_sqlite_url)["sites"]] == [None]
    assert migrate.check(empty_sqlite_url) == ["modify_nullable sites subdomain True False"]


def test_remarks_on_columns_do_not_count_as_differences(empty_postgres_url: str) -> None:
    """The RQ-based clerk's databases carry column comments that ours never had."""
    migrate.upgrade(empty_postgres_url, to="f3d4e5b6c7a8")
    samples.execute(empty_postgres_url, "COMMENT ON COLUMN sites.finance_source IS 'where it is from'")

    migrate.upgrade(empty_postgres_url)

    assert migrate.check(empty_postgres_url) == []
