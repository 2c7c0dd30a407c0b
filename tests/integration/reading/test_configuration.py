"""datasette.yaml describes every table and column that readers see."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from clerk.reading.attaching import attached
from clerk.reading.published import published_files
from devtools.cities import City
from devtools.readers import Reader
from tests.integration.finance.conftest import Town
from tests.integration.reading.conftest import Write

PAGE = {"txt/Council/2026-01-02/1": "A budget."}


def configuration(city: City) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((city.published.parent / "datasette.yaml").read_text())
    return found


def columns_of(path: Path) -> dict[str, set[str]]:
    """Return the columns of the tables and views of a database."""
    sql = (
        """SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view')"""
    )
    found: dict[str, set[str]] = {}
    with closing(sqlite3.connect(path)) as connection:
        for table, column in connection.execute(sql):
            found.setdefault(table, set()).add(column)
    return found


@pytest.mark.slow
def test_every_table_and_column_that_readers_see_is_described(write: Write, money: Town) -> None:
    city = write(PAGE)
    folder, databases = city.published.parent, configuration(city)["databases"]
    files = {file.name: file.path for file in published_files(folder)}
    assert files.keys() == {"oakland-ca-meetings", "alderbay-ca-finance"}
    undescribed: set[str] = set()
    for name, path in {**files, "all-cities": folder / "all-cities.db"}.items():
        shown = {table for table, said in databases[name]["tables"].items() if not said.get("hidden")}
        columns = columns_of(path)
        assert databases[name]["tables"].keys() == columns.keys()
        for table in shown:
            said = databases[name]["tables"][table]
            assert {"title", "description", "license"} <= said.keys(), (name, table)
            undescribed |= columns[table] - said["columns"].keys()
    assert undescribed == set()
    hidden = {table for table, said in databases["alderbay-ca-finance"]["tables"].items() if said.get("hidden")}
    assert {"A_Contributions", "497", "superseded_monetary_contributions", "memo_payments_made"} <= hidden
    assert {"monetary_contributions", "contributions", "filings"} & hidden == set()
    assert databases["oakland-ca-meetings"]["title"] == "Oakland, CA: agendas and minutes"


def test_many_cities_with_the_same_tables_share_their_description(write: Write) -> None:
    city = write(PAGE)
    one = (city.published.parent / "datasette.yaml").stat().st_size
    for place in ("albany", "berkeley"):
        write(PAGE, subdomain=f"{place}.ca", name=place.title())
    assert (city.published.parent / "datasette.yaml").stat().st_size < one + 2000
    databases = configuration(city)["databases"]
    assert databases["albany-ca-meetings"]["tables"] == databases["oakland-ca-meetings"]["tables"]


def test_a_city_that_is_published_later_is_served_without_a_restart(write: Write, reader: Callable[[], Reader]) -> None:
    write(PAGE)
    datasette = reader()
    assert "Albany" not in datasette.page("/")
    write(PAGE, subdomain="albany.ca", name="Albany <i>City</i>")
    assert "Albany &lt;i&gt;City&lt;/i&gt;, CA" in datasette.page("/")
    text = datasette.page("/albany-ca-meetings/minutes")
    assert "One row per page of the minutes" in text
    assert "<i>City</i>" not in text


def test_of_many_cities_the_databases_asked_for_last_are_open(write: Write, reader: Callable[[], Reader]) -> None:
    for place in ("albany", "berkeley", "oakland"):
        write(PAGE, subdomain=f"{place}.ca", name=place.title())
    datasette = reader()
    served = attached(datasette.datasette)
    assert served is not None
    served.most = 2
    for place in ("albany", "berkeley", "oakland", "albany"):
        assert "A budget." in datasette.page(f"/{place}-ca-meetings/minutes")
        assert "A budget." in datasette.page(f"/city/{place}.ca/minutes/Council/2026-01-02")
    cities = {name for name in datasette.datasette.databases if name.endswith("-meetings")}
    assert cities == {"oakland-ca-meetings", "albany-ca-meetings"}
