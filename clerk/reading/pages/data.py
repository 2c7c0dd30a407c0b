"""The questions that pages ask of the published databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk.reading.attaching import attached
from clerk.reading.pages.web import missing_page
from clerk.reading.published import INDEX_NAME, SITES_NAME, database_name

Row = dict[str, Any]


async def rows(datasette: Any, database: str, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
    """Return the rows of a query as dictionaries; [] if the database is not served."""
    served = attached(datasette)
    if served is None or not served.attach(database):
        return []
    found = await datasette.get_database(database).execute(sql, dict(parameters or {}))
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


async def tables(datasette: Any, database: str) -> frozenset[str]:
    """Return the names of a database's tables and views; none if it is not served."""
    sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    return frozenset(row["name"] for row in await rows(datasette, database, sql))


async def cities(datasette: Any) -> list[Row]:
    """Return the cities that have something published, by name, each with what the list of sites says of it."""
    served = await rows(
        datasette, INDEX_NAME, "SELECT subdomain, group_concat(kind) AS kinds FROM databases GROUP BY subdomain"
    )
    known = {row["subdomain"]: row for row in await _listed(datasette)}
    found = [_city(row["subdomain"], row["kinds"].split(","), known.get(row["subdomain"], {})) for row in served]
    return sorted(found, key=lambda city: (city["title"].casefold(), city["subdomain"]))


async def city(datasette: Any, subdomain: str) -> Row:
    """Return one of them; raises the exception of a missing page if there is no such city."""
    for found in await cities(datasette):
        if found["subdomain"] == subdomain:
            return found
    raise missing_page("There is no such city.")


async def _listed(datasette: Any) -> list[Row]:
    """Return the list of sites: the table for people, or that for programs where an earlier release published it."""
    there = await tables(datasette, SITES_NAME)
    table = next((name for name in ("municipalities", "sites") if name in there), None)
    return await rows(datasette, SITES_NAME, f"SELECT * FROM [{table}]") if table else []  # noqa: S608


def _city(subdomain: str, kinds: list[str], listed: Row) -> Row:
    name = listed.get("name") or subdomain
    return {
        "subdomain": subdomain,
        "name": name,
        "title": ", ".join(filter(None, (name, listed.get("state")))),
        "kind": listed.get("kind"),
        "meetings": database_name(subdomain, "meetings") if "meetings" in kinds else None,
        "finance": database_name(subdomain, "finance") if "finance" in kinds else None,
        "freshness": listed.get("freshness"),
        "last_meeting": listed.get("last_meeting"),
        "pages": listed.get("pages"),
    }
