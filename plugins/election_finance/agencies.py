"""Which NetFile agency a municipality is: what its site says, else a table of known shortcuts.

The table has traps. COA is Alameda *County* (the City of Alameda is not on NetFile's list), OAK is Oakley and not
Oakland, SJC is San Joaquin County and not San Jose, CSA is Santa Ana, COC is Orange County and COO the city, SCC is
Santa Clara County and CSC the city, CMA is Murrieta and CMAR Marin. CAL and CAG are each given out twice. NetFile's
numeric agency ids are no key either: Anaheim's is 0, and 115 belongs to two. Its list of 2026-03-20, where this comes
from, is not complete.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from clerk.errors import UsageError

_SHORTCUT = re.compile(r"[A-Z0-9]{2,12}$")

#: The agencies whose yearly files are not called efile_newest_….
_OTHER_NAMES = {"SFO": "efile"}


@dataclass(frozen=True, slots=True)
class Agency:
    """A row of the table: a site, NetFile's shortcut for it if it has one, and what to beware of."""

    subdomain: str
    shortcut: str | None
    name: str
    kind: str
    note: str


@lru_cache(maxsize=1)
def known_agencies() -> Mapping[str, Agency]:
    """Return the table by subdomain."""
    with Path(__file__).with_name("agencies.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {row["subdomain"]: Agency(**row | {"shortcut": row["shortcut"] or None}) for row in rows}


def shortcut_for(subdomain: str, extra: Any) -> str | None:
    """Return a site's NetFile shortcut: `netfile_agency` of its `extra`, else the table's; None if neither knows."""
    agency = _extra(extra).get("netfile_agency")
    if agency in (None, ""):
        known = known_agencies().get(subdomain)
        return known.shortcut if known else None
    shortcut = str(agency).strip().upper()
    if not _SHORTCUT.match(shortcut):
        raise UsageError(f"site {subdomain}: netfile_agency {agency!r} is not a NetFile shortcut, such as COAK")
    return shortcut


def csv_addresses(subdomain: str, extra: Any) -> tuple[str, ...]:
    """Return `finance_csv` of a site's `extra`: the addresses of single sheets as CSV; UsageError for another value."""
    found = _extra(extra).get("finance_csv") or []
    if not isinstance(found, list) or not all(isinstance(url, str) and url.startswith("http") for url in found):
        raise UsageError(f"site {subdomain}: finance_csv {found!r} is not a list of addresses")
    return tuple(dict.fromkeys(found))


def search_wanted(subdomain: str, extra: Any) -> str | None:
    """Return `finance_search` of a site's `extra`: connect2, portal, or None; UsageError for another value."""
    found = _extra(extra).get("finance_search")
    if found not in (None, "", "connect2", "portal"):
        raise UsageError(f"site {subdomain}: finance_search {found!r} is neither connect2 nor portal")
    return found or None


def file_url(base: str, shortcut: str, year: int) -> str:
    """Return where an agency's file of a year is."""
    stem = _OTHER_NAMES.get(shortcut, "efile_newest")
    return f"{base.rstrip('/')}/{shortcut}Browsable/{stem}_{shortcut}_{year}.zip"


def agency_page(agency: str) -> str:
    """Return the public page on which a person finds an agency's filings; "" where `agency` is no NetFile shortcut."""
    return f"https://netfile.com/public/{agency}/campaign" if _SHORTCUT.fullmatch(agency) else ""


def _extra(extra: Any) -> Mapping[str, Any]:
    """Read `sites.extra`, which may be JSON text, a dictionary, blank, or not JSON at all."""
    if isinstance(extra, str):
        try:
            extra = json.loads(extra)
        except ValueError:
            return {}
    return extra if isinstance(extra, Mapping) else {}
