"""What a process finds out about its database, and how it says so."""

from __future__ import annotations

import threading

import pytest

from clerk.database import engine as db
from clerk.database import migrate, transactions
from clerk.database.schema_version import GENERATION, ensure_usable
from clerk.database.tables import schedule_slots_table, sites_table, workers_table
from clerk.errors import DatabaseUnavailable
from devtools.services import free_port
from tests.integration.db import samples

pytestmark = pytest.mark.every_database


def test_a_migrated_database_is_usable(database_url: str) -> None:
    ensure_usable(db.engine())
    with transactions.reading() as connection:
        ensure_usable(connection)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_compiles_no_statement(database_url: str) -> None:
    with transactions.reading() as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar() == "off"


def test_an_older_database_says_which_command_helps(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, to="f33eeb46479b")

    with pytest.raises(DatabaseUnavailable, match="run `clerk-tasks db upgrade`"), transactions.reading():
        pytest.fail("the tables that are missing must not be the first news of it")


def test_a_newer_database_is_used_as_long_as_it_allows(database_url: str) -> None:
    newer = f"UPDATE clerk_meta SET value = '{GENERATION + 1}' WHERE key = "
    samples.execute(database_url, "UPDATE alembic_version SET version_num = 'cafe'", newer + "'generation'")
    ensure_usable(db.engine())
    before = samples.snapshot(database_url)

    assert migrate.upgrade(database_url).applied == (), "an older release's `db upgrade` leaves it alone"
    assert migrate.check(database_url) == []
    assert samples.snapshot(database_url) == before

    samples.execute(database_url, newer + "'oldest_code'")
    for use in (transactions.reading, transactions.transaction):
        with pytest.raises(DatabaseUnavailable, match="install a newer clerk-tasks"), use():
            pytest.fail("code that is too old must not get at the data")
    with pytest.raises(DatabaseUnavailable, match="install a newer clerk-tasks"):
        migrate.upgrade(database_url)


def test_missing_tables_are_advice(database_url: str) -> None:
    samples.execute(database_url, "DROP TABLE schedule_slots")

    with (
        pytest.raises(DatabaseUnavailable, match="lacks tables: run `clerk-tasks db upgrade`"),
        transactions.reading() as c,
    ):
        c.execute(schedule_slots_table.select())


def test_missing_columns_are_advice(database_url: str) -> None:
    samples.execute(database_url, "ALTER TABLE workers DROP COLUMN version")

    with (
        pytest.raises(DatabaseUnavailable, match="lacks columns: run `clerk-tasks db upgrade`"),
        transactions.reading() as c,
    ):
        c.execute(workers_table.select())


def test_a_missing_file_is_not_made_by_using_it(empty_sqlite_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"There is no .*civic.db: run `clerk-tasks db upgrade`"):
        transactions.get_civic_db()

    assert not samples.path_of(empty_sqlite_url).exists()


def test_a_file_that_is_no_database_says_so(empty_sqlite_url: str) -> None:
    samples.path_of(empty_sqlite_url).write_bytes(b"%PDF-1.7 " * 1000)

    for use in (transactions.get_civic_db, lambda: migrate.upgrade(empty_sqlite_url)):
        with pytest.raises(DatabaseUnavailable, match="no database"):
            use()

    assert samples.path_of(empty_sqlite_url).read_bytes() == b"%PDF-1.7 " * 1000


@pytest.mark.parametrize("address", ["clerk:s3cr3t@127.0.0.1:{}/clerk", "clerk@127.0.0.1:{}/clerk?password=s3cr3t"])
def test_an_unreachable_server_is_an_error_without_its_password(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgres://{address.format(free_port())}")

    with pytest.raises(RuntimeError, match=r"^Cannot connect to database: ") as caught:
        transactions.get_civic_db()

    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["", "civic.db", "mysql://a/b", "sqlite+aiosqlite:///civic.db", "postgresql://a:port/b"], ids=repr
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="DATABASE_URL"):
        db.create_engine(address)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_every_driver_for_postgresql_is_ours(scheme: str) -> None:
    """Deployments of the RQ-based clerk name the one they had."""
    url = db.normalise_url(f"{scheme}://clerk:a%40b@db.example/clerk?sslmode=require")

    assert url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://clerk:a%40b@db.example/clerk?sslmode=require"
    )


def test_an_option_of_another_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql+asyncpg://127.0.0.1:{free_port()}/clerk?ssl=require")

    with pytest.raises(DatabaseUnavailable, match='DATABASE_URL: invalid connection option "ssl"'):
        transactions.get_civic_db()


@pytest.mark.parametrize(
    ("state", "advice"), [("40P01", "run it again"), ("40001", "run it again"), ("53100", "disk is full .* make room")]
)
def test_a_database_that_is_there_but_in_trouble_is_not_called_absent(
    state: str, advice: str, postgres_url: str
) -> None:
    with pytest.raises(DatabaseUnavailable, match=advice) as caught, transactions.transaction() as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")

    assert "DATABASE_URL" not in str(caught.value)


def test_an_exception_undoes_the_transaction(database_url: str) -> None:
    def add_and_fail() -> None:
        with transactions.civic_db_connection() as connection:
            connection.execute(sites_table.insert().values(subdomain="a.ca"))
            raise KeyError

    with pytest.raises(KeyError):
        add_and_fail()

    assert samples.snapshot(database_url)["sites"] == []


def test_two_writers_of_sqlite_wait_for_each_other(sqlite_url: str) -> None:
    """BEGIN IMMEDIATE: the second does not start from what the first is about to change."""

    def count() -> None:
        for _ in range(20):
            with transactions.transaction() as connection:
                pages = connection.execute(sites_table.select()).mappings().one()["pages"]
                connection.execute(sites_table.update().values(pages=pages + 1))

    samples.execute(sqlite_url, "INSERT INTO sites (subdomain, pages) VALUES ('a.ca', 0)")
    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [row["pages"] for row in samples.snapshot(sqlite_url)["sites"]] == [60]
