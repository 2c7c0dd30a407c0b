"""What the tests of the finance ETL share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from devtools.netfile_books import Gift, Report
from devtools.netfile_site import MUNICIPALITIES, Municipality
from tests.integration.finance.conftest import Town

ALDER, BRIAR, CEDAR = MUNICIPALITIES
AddTown = Callable[..., Town]


def report(count: int = 4, *, year: int = 2023, **other: Any) -> Report:
    given = [Gift("Boone", f"Ada {number}", "Oakland", "94611", date(year, 2, 1), 100.0) for number in range(count)]
    about = {"filer": "1234567", "name": "Oak PAC", "number": "000", "filed": date(year, 7, 30)}
    return Report(**{**about, "start": date(year, 1, 1), "end": date(year, 6, 30), "gifts": given, **other})


def place(add_town: AddTown, which: Municipality) -> Town:
    return add_town(
        which.subdomain, name=which.name, start_year=which.first_year, extra={"netfile_agency": which.shortcut}
    )


def dump(town: Town) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, full-text indexes included, but the times of the run."""
    tables = town.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    rows = {name: town.query(f'SELECT * FROM "{name}" ORDER BY rowid') for (name,) in tables if not is_opaque(name)}
    rows["etl_runs"] = town.query("SELECT run_id, stage, status, rows_in, rows_out, message FROM etl_runs")
    return rows


def is_opaque(name: str) -> bool:
    return name.endswith(("_fts_idx", "_fts_config", "_fts_docsize", "_fts_data"))
