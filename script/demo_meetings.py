"""The meetings part of the demo: from a Legistar-shaped website to minutes that can be searched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from demo_steps import clerk_tasks, differences, rows, say

from clerk_tasks.cli.output import print_line, print_table
from devtools.netfile_site import Municipality, year_file

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.city_site import CitySite

SITE = "millbrook.ca"
#: The same city to NetFile, for the files that a person downloads.
FILER = Municipality(SITE, "Millbrook", "XMIL", (2022, 2023, 2024), 30, "95222")
#: Somebody looks for this; of the four minutes that say it, one is a scan.
WANTED = "bicycle AND ordinance"
SEARCH = """
    SELECT meeting, date, replace(snippet(minutes_fts, 0, '[', ']', '…', 9), char(10), ' ') AS said
    FROM minutes_fts JOIN minutes ON minutes.rowid = minutes_fts.rowid
    WHERE minutes_fts MATCH ? ORDER BY date
"""


def run(city: CitySite) -> None:
    """Add the city, fetch, read, compile and publish, and look at what could not be read."""
    extra = json.dumps(city.extra)
    options = ["--name", "Millbrook", "--state", "CA", "--start-year", "2024", "--scraper", "legistar"]
    clerk_tasks("sites", "add", SITE, *options, "--extra", extra)
    say(f"clerk-tasks update --subdomain {SITE} --all-agendas --wait")
    clerk_tasks("update", "--subdomain", SITE, "--all-agendas", "--wait", exits=1)
    say("It exits with 1: one file is damaged. That holds nothing up; clerk-tasks jobs list --state discarded")
    clerk_tasks("jobs", "list", "--state", "discarded")


def money(sites: Path) -> None:
    """Drop workbooks of the city's campaign money, as a person would who downloaded them, and have them loaded."""
    drop = sites / SITE / "finance" / "drop"
    drop.mkdir(parents=True)
    for year in FILER.years:
        (drop / f"efile_{FILER.shortcut}_{year}.zip").write_bytes(year_file(FILER, year))
    say(f"clerk-tasks finance etl --subdomain {SITE} --wait")
    clerk_tasks("finance", "etl", "--subdomain", SITE, "--wait")


def show(sites: Path, published: Path) -> list[str]:
    """Print what was made of the city, ending with a search; return what differs from what was put into its PDFs."""
    path = published / SITE / "meetings.db"
    (pages,) = rows(path, "SELECT (SELECT count(*) FROM minutes) AS minutes, (SELECT count(*) FROM agendas) AS agendas")
    found = rows(path, SEARCH, WANTED)
    read = [json.loads(record.read_text()) for record in (sites / SITE).glob("**/.document.json")]
    ways = {way: sum(record[way] for record in read) for way in ("layer", "ocr")}
    print_line()
    print_line(f"Millbrook ({SITE}): {pages['minutes']} pages of minutes, {pages['agendas']} of agendas   {path}")
    print_line(f"{ways['layer']} pages carried their text, {ways['ocr']} was read by OCR")
    unread = [pdf.relative_to(sites).as_posix() for pdf in (sites / SITE).glob("**/pdfs/*/*.pdf")]
    print_line(f"Not read, and kept: {', '.join(unread)}")
    print_line(f"Where did they speak of {WANTED}?")
    print_table(found, ("meeting", "date", "said"))
    return differences(
        "Millbrook",
        {
            "pages of minutes": (pages["minutes"], 8),  # of ten: one is damaged, one is not served
            "pages of agendas": (pages["agendas"], 12),
            "pages read by OCR": (ways["ocr"], 1),
            "minutes found": (len(found), 4),
            "documents not read": (len(unread), 1),
        },
    )
