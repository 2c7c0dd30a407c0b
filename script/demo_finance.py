"""The finance part of the demo: from NetFile-shaped workbooks to finance databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from demo_steps import clerk_tasks, differences, rows, say

from clerk_tasks.cli.output import print_line, print_table
from devtools.netfile_site import MUNICIPALITIES, Municipality, expected

if TYPE_CHECKING:
    from pathlib import Path

#: The columns that hold dollars.
MONEY = ("contributions", "expenditures", "total")


def run() -> None:
    """Add the municipalities, and have their databases made."""
    for place in MUNICIPALITIES:
        extra = json.dumps({"netfile_agency": place.shortcut})
        options = ["--name", place.name, "--state", "CA", "--start-year", str(place.first_year), "--finance"]
        clerk_tasks("sites", "add", place.subdomain, *options, "--extra", extra)
    say("clerk-tasks finance etl --all --wait")
    clerk_tasks("finance", "etl", "--all", "--wait")


def show(sites: Path) -> list[str]:
    """Print what was made of the municipalities; return what differs from what their workbooks say."""
    return [line for place in MUNICIPALITIES for line in _show(sites, place)]


def _show(sites: Path, place: Municipality) -> list[str]:
    path, wanted = sites / place.subdomain / "finance" / "election_finance.db", expected(place)
    (found,) = rows(
        path,
        "SELECT count(*) AS gifts, round(sum(amount), 2) AS money FROM monetary_contributions",
    )
    totals = rows(path, "SELECT committee_id, committee_name, year, contributions, expenditures FROM committee_totals")
    top = rows(
        path, "SELECT contributor_name, gifts, total FROM top_contributors ORDER BY total DESC, name_norm LIMIT 3"
    )
    print_line()
    print_line(f"{place.name} ({place.subdomain}): {found['gifts']} contributions, ${found['money']:,.2f}   {path}")
    print_table([_dollars(row) for row in totals], ("committee_name", "year", "contributions", "expenditures"))
    print_table([_dollars(row) for row in top], ("contributor_name", "gifts", "total"))
    by_committee = {(row["committee_id"], row["year"]): (row["contributions"], row["expenditures"]) for row in totals}
    return differences(
        place.name,
        {
            "number of contributions": (found["gifts"], wanted.gifts),
            "sum of contributions": (found["money"], wanted.money),
            "committee totals": ({key: by_committee.get(key) for key in wanted.totals}, wanted.totals),
            "largest contributor": (top[0]["total"], wanted.top[1]),
        },
    )


def _dollars(row: dict[str, Any]) -> dict[str, Any]:
    """Write what is money with its cents."""
    return {name: f"{value:,.2f}" if name in MONEY and value is not None else value for name, value in row.items()}
