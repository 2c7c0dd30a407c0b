"""The helpers that plugins use on `sites`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError

from clerk import db, finance_db
from clerk.database.clock import format_moment
from clerk.errors import NotFoundError, UsageError
from clerk.sites import rows as sites

pytestmark = pytest.mark.usefixtures("database_url")

NOW = datetime.now(UTC)


def insert(*subdomains: str, **columns: object) -> None:
    with db.civic_db_connection() as connection:
        for subdomain in subdomains:
            db.insert_site(connection, {"subdomain": subdomain, **columns})


def read(subdomain: str) -> dict[str, object]:
    with db.reading() as connection:
        return sites.require_site(connection, subdomain)


def test_a_site_comes_back_as_it_was_inserted() -> None:
    insert("a.ca", name="Æblé'; DROP TABLE sites; --", extra="not json", start_year=2015)

    site = read("a.ca")

    assert (site["name"], site["extra"], site["start_year"]) == ("Æblé'; DROP TABLE sites; --", "not json", 2015)
    assert (site["extraction_status"], site["ocr_total"]) == ("pending", 0)
    assert site["coordinator_enqueued"] is False
    assert site["has_finance_data"] is False


def test_inserting_twice_is_an_integrity_error() -> None:
    insert("a.ca")

    with pytest.raises(IntegrityError):
        insert("a.ca")


def test_upsert_sets_only_what_is_given() -> None:
    insert("a.ca", name="A", state="CA")
    with db.civic_db_connection() as connection:
        db.upsert_site(connection, {"subdomain": "a.ca", "name": "B"})
        db.upsert_site(connection, {"subdomain": "a.ca"})
        db.upsert_site(connection, {"subdomain": "new.ca", "state": "NV"})

    assert (read("a.ca")["name"], read("a.ca")["state"], read("new.ca")["state"]) == ("B", "CA", "NV")


def test_update_touches_one_site_and_its_given_columns() -> None:
    insert("a.ca", "b.ca", name="old", pages=1)
    with db.civic_db_connection() as connection:
        db.update_site(connection, "a.ca", {"name": "new"})
        db.update_site(connection, "a.ca", {})
        db.update_site(connection, "nobody.ca", {"name": "new"})
    finance_db.update_site("b.ca", {"pages": 2})

    assert [(site["name"], site["pages"]) for site in finance_db.get_all_sites()] == [("new", 1), ("old", 2)]


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(UsageError, match="no such column of sites: colour"):
        insert("a.ca", colour="red")


def test_delete_removes_one_site() -> None:
    insert("a.ca", "b.ca")
    with db.civic_db_connection() as connection:
        db.delete_site(connection, "a.ca")
        assert db.get_site_by_subdomain(connection, "a.ca") is None

    with pytest.raises(NotFoundError, match=r"no site 'a\.ca'"):
        read("a.ca")
    assert read("b.ca")


def test_all_sites_are_ordered_by_a_column_that_exists() -> None:
    insert("b.ca", name="1")
    insert("a.ca", name="2")
    with db.reading() as connection:
        by_name = [site["subdomain"] for site in db.get_all_sites(connection, order_by="name")]
        by_subdomain = [site["subdomain"] for site in db.get_all_sites(connection, order_by="subdomain")]
        by_nonsense = db.get_all_sites(connection, order_by="name; DROP TABLE sites")

    assert (by_name, by_subdomain, len(by_nonsense)) == (["b.ca", "a.ca"], ["a.ca", "b.ca"], 2)


def test_times_come_back_aware_however_they_were_bound() -> None:
    moment = datetime(2026, 1, 5, 12, 30, 15, 123456, tzinfo=UTC)
    for name, value in {
        "utc.ca": moment,
        "naive.ca": moment.replace(tzinfo=None),
        "pacific.ca": moment.astimezone(timezone(timedelta(hours=-8))),
    }.items():
        insert(name, updated_at=value)

    assert {site["updated_at"] for site in finance_db.get_all_sites()} == {moment}


def test_the_oldest_site_is_the_one_never_updated() -> None:
    insert("recent.ca", last_updated=format_moment(NOW))
    insert("old.ca", last_updated="2020-01-01T00:00:00")
    insert("never.ca")
    assert db.get_oldest_site() == "never.ca"


@pytest.mark.parametrize(
    ("hours_ago", "written"),
    [
        (24, "{:%Y-%m-%dT%H:%M:%S}"),
        (24, "{:%Y-%m-%d %H:%M:%S.%f}"),
        (24, "{:%Y-%m-%dT%H:%MZ}"),
        (22, "{:%Y-%m-%dT%H:%M:%S}"),
        (22, "{:%Y-%m-%d %H:%M:%S}"),
    ],
)
def test_the_look_back_is_23_hours_in_every_format(hours_ago: int, written: str) -> None:
    insert("a.ca", last_updated=written.format(NOW - timedelta(hours=hours_ago)))

    assert db.get_oldest_site() == ("a.ca" if hours_ago > 23 else None)
    assert db.get_oldest_site(lookback_hours=48) is None
    assert db.get_oldest_site(lookback_hours=1) == "a.ca"


def test_formats_are_compared_as_times_and_not_as_text() -> None:
    """As text, "2026-01-05 23" comes before "2026-01-05T01"."""
    insert("later.ca", last_updated="2026-01-05 23:00:00")
    insert("sooner.ca", last_updated="2026-01-05T01:00:00")

    assert db.get_oldest_site() == "sooner.ca"


def test_an_unreadable_time_counts_as_never() -> None:
    insert("odd.ca", last_updated="a week ago")
    insert("old.ca", last_updated="1999-01-01T00:00:00")

    assert db.get_oldest_site() == "odd.ca"
