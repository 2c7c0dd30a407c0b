"""A committee: its totals, the filings that they are from, and its largest contributions."""

from __future__ import annotations

from typing import Any

from clerk.reading.pages.data import city, rows
from clerk.reading.pages.web import html, missing_page, page

_COMMITTEE = "SELECT * FROM committees WHERE committee_id = :committee"

_TOTALS = "SELECT * FROM committee_totals WHERE committee_id = :committee ORDER BY year DESC"

_FILINGS = """
SELECT f.*, SUM(s.amount_period) FILTER (WHERE s.line_item = '5') AS contributions,
       SUM(s.amount_period) FILTER (WHERE s.line_item = '11') AS expenditures
FROM filings f LEFT JOIN summaries s ON s.filing_id = f.filing_id AND s.form_type = 'F460'
WHERE f.committee_id = :committee AND f.is_current = 1
GROUP BY f.filing_id ORDER BY COALESCE(f.thru_date, f.report_date) DESC, f.form"""

_CONTRIBUTIONS = """
SELECT filing_id, date, contributor_name, amount FROM monetary_contributions
WHERE committee_id = :committee AND is_current = 1 AND memo = 0 ORDER BY amount DESC, date LIMIT 25"""


@page
async def view(datasette: Any, request: Any, subdomain: str, committee_id: str) -> Any:
    """Show the page of a committee."""
    place = await city(datasette, subdomain)
    key = {"committee": committee_id}
    found = await rows(datasette, place["finance"], _COMMITTEE, key) if place["finance"] else []
    if not found:
        raise missing_page("There is no such committee.")
    return html(
        datasette,
        request,
        "committee.html",
        city=place,
        committee=found[0],
        totals=await rows(datasette, place["finance"], _TOTALS, key),
        filings=await rows(datasette, place["finance"], _FILINGS, key),
        contributions=await rows(datasette, place["finance"], _CONTRIBUTIONS, key),
    )
