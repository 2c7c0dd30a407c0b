"""Holds what a filer itemised against what the same filer's Summary lines say it comes to."""

from __future__ import annotations

from collections.abc import Iterator

#: schedule, table, its amount, and the Summary line (Form_Type, Line_Item) that the rows should add up to.
CHECKS = (
    ("A", "monetary_contributions", "amount", "A", "1"),
    ("B1", "received_loans", "received", "B1", "1"),
    ("C", "non_monetary_contributions", "amount", "C", "1"),
    ("D", "expenditure_summaries", "amount", "D", "1"),
    ("E", "payments_made", "amount", "E", "1"),
    ("F", "accrued_expenses", "incurred", "F", "1"),
    ("I", "misc_cash_increases", "amount", "I", "1"),
    ("F461P5", "major_donor_ie_statements", "amount", "F461", "1"),
)

_TABLE = """
CREATE TABLE reconciliation (
    filing_id TEXT NOT NULL REFERENCES filings(filing_id), schedule TEXT NOT NULL, line_total REAL,
    itemised_total REAL NOT NULL, difference REAL NOT NULL, committee_name TEXT NOT NULL, thru_date TEXT,
    is_current INTEGER NOT NULL, PRIMARY KEY (filing_id, schedule)
)"""

_CHECK = """
INSERT INTO reconciliation
WITH lines AS (
    SELECT filing_id, ROUND(SUM(amount_period), 2) AS total FROM summaries
    WHERE form_type = '{form_type}' AND line_item = '{line_item}' GROUP BY filing_id
), items AS (
    SELECT filing_id, ROUND(SUM(COALESCE({amount}, 0)), 2) AS total FROM {table} WHERE memo = 0 GROUP BY filing_id
)
SELECT f.filing_id, '{schedule}', lines.total, COALESCE(items.total, 0),
       ROUND(COALESCE(lines.total, 0) - COALESCE(items.total, 0), 2), c.name, f.thru_date, f.is_current
FROM filings f JOIN committees c USING (committee_id)
LEFT JOIN lines USING (filing_id) LEFT JOIN items USING (filing_id)
WHERE COALESCE(lines.total, 0) <> 0 OR items.filing_id IS NOT NULL
ORDER BY c.name, f.thru_date, f.filing_id
"""


def statements() -> Iterator[str]:
    """Yield the statements that fill `reconciliation`: one row a filing and schedule, every version of a report."""
    yield _TABLE
    for schedule, table, amount, form_type, line_item in CHECKS:
        yield _CHECK.format(schedule=schedule, table=table, amount=amount, form_type=form_type, line_item=line_item)
