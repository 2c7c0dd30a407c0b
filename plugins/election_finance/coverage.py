"""`coverage`: for each year what came from where, how much of it counts, and what is missing."""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

from plugins.election_finance.layout import SHEET, SHEETS
from plugins.election_finance.manifest import CAL201, EFILE, SEARCH, SHEET_CSV, WORKBOOK
from plugins.election_finance.schema import SUPERSEDED

COVERAGE_TABLE = """
CREATE TABLE coverage (
    year INTEGER NOT NULL, route TEXT NOT NULL, status TEXT NOT NULL, filings INTEGER NOT NULL, rows INTEGER NOT NULL,
    format TEXT, duplicates INTEGER NOT NULL, missing TEXT NOT NULL
)
"""

_PAPER = "filings on paper"

#: What no file of a format has.
MISSING = {
    WORKBOOK: _PAPER,
    EFILE: f"filings whose files were not dropped; {_PAPER}",
    SHEET_CSV: f"sheets that are not among the files; {_PAPER}",
    CAL201: f"Summary lines (gifts under $100, cash), report numbers and dates of filing; {_PAPER}",
    SEARCH: f"Summary lines (gifts under $100, cash), transaction ids, candidates and measures; {_PAPER}",
}


def fill() -> str:
    """Return the statement that fills `coverage`: as often as something else is said of the sources.

    A year is that of the file, else of the end of each filing's period. Filings that count by a better source are
    `duplicates`. A year between others that no source was asked for is `missing`.
    """
    rows = " UNION ALL ".join(f'SELECT _source_id, _filing_id FROM "{sheet.raw}"' for sheet in SHEETS)
    late = " UNION ALL ".join(
        f"SELECT filing_id, date FROM {prefix}{SHEET[name].friendly}"
        for name in ("497", "496")
        for prefix in ("", SUPERSEDED)
    )
    missing = " ".join(f"WHEN '{format_}' THEN '{text}'" for format_, text in MISSING.items())
    return f"""
INSERT INTO coverage
WITH RECURSIVE loaded AS (
    SELECT s.*, r._source_id, r._filing_id, f.superseded_reason,
           COALESCE(s.year, CAST(substr(COALESCE(f.thru_date, f.report_date, (
               SELECT MAX(date) FROM ({late}) late WHERE late.filing_id = f.filing_id
           )), 1, 4) AS INTEGER)) AS of_year
    FROM sources s LEFT JOIN ({rows}) r ON r._source_id = s.source_id LEFT JOIN filings f ON f.filing_id = r._filing_id
), covered AS (
    SELECT of_year, route, status, COUNT(DISTINCT _filing_id) AS filings, COUNT(_source_id) AS rows, format,
           COUNT(DISTINCT _filing_id) FILTER (WHERE superseded_reason = 'duplicate') AS duplicates,
           CASE WHEN COUNT(_source_id) > 0 THEN CASE format {missing} END
                ELSE COALESCE(MAX(detail), 'it has no rows') END AS missing
    FROM loaded WHERE of_year IS NOT NULL GROUP BY of_year, format, route, status
), years AS (
    SELECT MIN(of_year) AS year FROM covered
    UNION ALL SELECT year + 1 FROM years WHERE year < (SELECT MAX(of_year) FROM covered)
)
SELECT * FROM covered
UNION ALL
SELECT year, '', 'missing', 0, 0, NULL, 0, 'everything: no source was asked for this year'
FROM years WHERE year NOT IN (SELECT of_year FROM covered)
ORDER BY of_year DESC, rows DESC, format"""
