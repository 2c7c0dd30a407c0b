"""A site that another program added with a name or cells that we cannot use costs no other site its turn."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clerk import db
from clerk.database.tables import sites_table
from clerk.database.transactions import transaction
from clerk.sites.rows import take_oldest_sites
from clerk_tasks.cli.main import main
from clerk_tasks.operations.doctor import diagnose

Capture = pytest.CaptureFixture[str]


def put(subdomain: str, **columns: object) -> None:
    """Insert a row as another program would: SQL, no check."""
    values = {"subdomain": subdomain, "name": "x", "scraper": "legistar", "state": "CA", **columns}
    names = ", ".join(values)
    with transaction() as connection:
        connection.execute(sa.text(f"INSERT INTO sites ({names}) VALUES (:{', :'.join(values)})"), values)


def test_a_bad_name_has_no_turn(database_url: str) -> None:
    put("San_Jose.CA")
    put("good.ca")
    with transaction() as connection:
        assert take_oldest_sites(connection, 1) == ["good.ca"]
    assert db.get_oldest_site() == "good.ca"


def test_a_bad_name_is_reported_and_can_be_removed(sqlite_url: str, capsys: Capture) -> None:
    put("San_Jose.CA")
    put("good.ca")
    (found,) = [each.damage for each in diagnose(fix=False) if each.damage.kind == "site"]
    assert found.subject == "San_Jose.CA"
    assert "clerk-tasks sites remove San_Jose.CA" in found.remedy
    assert main(["db", "check"]) == 1
    assert "1 ('San_Jose.CA')" in capsys.readouterr().err

    assert main(["sites", "show", "San_Jose.CA"]) == 0
    assert main(["sites", "remove", "San_Jose.CA", "--yes"]) == 0
    assert main(["db", "check"]) == 0
    with transaction() as connection:
        assert connection.execute(sa.select(sites_table.c.subdomain)).scalars().all() == ["good.ca"]


@pytest.mark.parametrize("name", ["San_Jose.CA", "a\udc80", "a\x00", ""])
def test_a_bad_name_that_is_no_site_is_refused(sqlite_url: str, name: str) -> None:
    assert main(["sites", "show", name]) == 2


def test_a_cell_that_cannot_be_read_is_empty(sqlite_url: str) -> None:
    put("bad.ca", finance_coverage_start="5 May", finance_data_types="{contributions}", updated_at="yesterday")
    put("good.ca", finance_coverage_start="2026-05-05", finance_data_types='["A"]')
    with db.reading() as connection:
        rows = db.get_all_sites(connection, order_by="subdomain")
    cells = [(row["finance_coverage_start"], row["finance_data_types"], row["updated_at"]) for row in rows]
    assert [tuple(map(str, each)) for each in cells] == [("None",) * 3, ("2026-05-05", "['A']", "None")]
