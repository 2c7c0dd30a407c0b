"""A filing: what it is, the file that it comes from, and its rows, each with its row in that file."""

from __future__ import annotations

from typing import Any

from clerk.reading.addresses import web_address
from clerk.reading.configuration import descriptions
from clerk.reading.evidence import raw_row
from clerk.reading.pages.data import Row, city, rows, tables
from clerk.reading.pages.web import html, missing_page, page

_FILING = """
SELECT f.*, c.name AS committee_name FROM filings f JOIN committees c USING (committee_id) WHERE filing_id = :filing"""

#: How many rows of a table are shown; the others are in Datasette's own page of the table.
_ROWS = 100

#: What a row may be about, in the order in which it is looked for.
_NAMES = ("contributor_name", "payee_name", "lender_name", "contributor_or_recipient", "candidate_name", "line_label")
_DATES = ("date", "loan_date")
_AMOUNTS = ("amount", "incurred", "received", "amount_period")


@page
async def view(datasette: Any, request: Any, subdomain: str, filing_id: str) -> Any:
    """Show the page of a filing."""
    place = await city(datasette, subdomain)
    database, key = place["finance"], {"filing": filing_id}
    found = await rows(datasette, database, _FILING, key) if database else []
    if not found:
        raise missing_page("There is no such filing.")
    schedules = await _schedules(datasette, database, filing_id)
    years = sorted({row["source_id"] for schedule in schedules for row in schedule["rows"]})
    numbers = {f"y{place}": year for place, year in enumerate(years)}
    listed = ", ".join(f":{name}" for name in numbers)
    return html(
        datasette,
        request,
        "filing.html",
        city=place,
        filing=found[0],
        original=web_address(found[0].get("page_url") or found[0].get("pdf_url")),
        schedules=schedules,
        raw_row=raw_row,
        most=_ROWS,
        sources=await rows(datasette, database, f"SELECT * FROM sources WHERE source_id IN ({listed})", numbers),  # noqa: S608
    )


async def _schedules(datasette: Any, database: str, filing_id: str) -> list[Row]:
    """Return the tables that have rows of the filing, with the rows."""
    known = descriptions()["finance"]
    there = await tables(datasette, database)
    found = []
    for table, raw in known["raw"].items():
        for prefix, what in (("", ""), ("memo_", "memo rows: "), ("superseded_", "superseded: ")):
            if f"{prefix}{table}" in there:
                lines = await _rows(datasette, database, f"{prefix}{table}", filing_id)
                if lines:
                    title = f"{what}{known['tables'][table]['title']}"
                    found.append(
                        {"table": f"{prefix}{table}", "raw": raw, "title": title[:1].upper() + title[1:], "rows": lines}
                    )
    return found


async def _rows(datasette: Any, database: str, table: str, filing_id: str) -> list[Row]:
    columns = {
        row["name"] for row in await rows(datasette, database, "SELECT name FROM pragma_table_info(:t)", {"t": table})
    }

    def first(names: tuple[str, ...], otherwise: str = "NULL") -> str:
        return next((name for name in names if name in columns), otherwise)

    row_number = "source_row" if "source_row" in columns else "NULL"
    sql = f"""
    SELECT id, source_id, {row_number} AS source_row, {first(_DATES)} AS day, {first(_NAMES)} AS name,
           {first(_AMOUNTS)} AS amount
    FROM [{table}] WHERE filing_id = :filing ORDER BY source_id, source_row LIMIT {_ROWS}"""  # noqa: S608
    return await rows(datasette, database, sql, {"filing": filing_id})
