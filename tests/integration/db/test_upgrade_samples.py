"""The sample databases of the RQ-based clerk, on SQLite as they are, on PostgreSQL row by row."""

from __future__ import annotations

import pytest

from clerk.database import migrate
from clerk.database.schema_version import HEAD
from tests.integration.db import samples

pytestmark = pytest.mark.slow

DUMPS = ("9daf09ff2554", "e032d9c68444", "f33eeb46479b", "unversioned_create_all")


@pytest.mark.parametrize("dump", DUMPS)
def test_sqlite_keeps_every_row_and_value(dump: str, empty_sqlite_url: str) -> None:
    path = samples.path_of(empty_sqlite_url)
    samples.load_sqlite(dump, path)
    before = samples.snapshot(empty_sqlite_url)

    done = migrate.upgrade(empty_sqlite_url)

    after = samples.snapshot(empty_sqlite_url)
    samples.assert_kept(before, after)
    assert all(type(value) is int and value in (0, 1) for value in samples.flags(after))
    assert len(after["feed_entries"]) == len(before["feed_entries"])
    assert migrate.check(empty_sqlite_url) == []
    assert done.before == (None if dump.startswith("unversioned") else dump)
    assert done.backup is not None
    assert samples.snapshot(f"sqlite:///{done.backup}") == before
    assert migrate.upgrade(empty_sqlite_url).applied == ()


def test_a_second_upgrade_does_not_change_a_byte(empty_sqlite_url: str) -> None:
    path = samples.path_of(empty_sqlite_url)
    samples.load_sqlite("e032d9c68444", path)
    migrate.upgrade(empty_sqlite_url)
    content, neighbours = path.read_bytes(), sorted(path.parent.iterdir())

    again = migrate.upgrade(empty_sqlite_url)

    assert (again.applied, again.backup, again.before, again.after) == ((), None, HEAD, HEAD)
    assert path.read_bytes() == content
    assert sorted(path.parent.iterdir()) == neighbours


@pytest.mark.parametrize("dump", DUMPS)
def test_postgresql_keeps_every_row_and_value(dump: str, empty_postgres_url: str) -> None:
    rows = samples.rows_of_sample(dump)
    migrate.upgrade(empty_postgres_url, to="e032d9c68444" if dump.startswith("unversioned") else dump)
    samples.insert_postgres(empty_postgres_url, rows)
    if dump.startswith("unversioned"):
        samples.execute(empty_postgres_url, "DROP TABLE alembic_version")
    before = samples.snapshot(empty_postgres_url)

    migrate.upgrade(empty_postgres_url)

    after = samples.snapshot(empty_postgres_url)
    samples.assert_kept(before, after)
    assert {row["subdomain"] for row in after["sites"]} == {row["subdomain"] for row in rows["sites"]}
    assert {row["subdomain"]: row["extra"] for row in after["sites"]} == {
        row["subdomain"]: row["extra"] for row in rows["sites"]
    }
    assert migrate.check(empty_postgres_url) == []
    assert migrate.upgrade(empty_postgres_url).applied == ()
