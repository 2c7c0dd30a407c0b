"""The views that answer readers' questions, each row with its filing, its source and the page to see it.

docs/reference/published-databases.md lists them for readers. They are made of tables that contain only what counts.
"""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

from collections.abc import Iterator

from plugins.election_finance.layout import SHEET

#: The key of `database_info` under which the public page of the agency's filings is.
AGENCY_PAGE = "agency_page"

_JOINS = """
LEFT JOIN filings f ON f.filing_id = g.filing_id
LEFT JOIN sources s ON s.source_id = g.source_id
LEFT JOIN database_info i ON i.key = 'agency_page'"""


def _evidence(sheet: str) -> str:
    """Return the columns that say where a row of `g` is from; `sheet` is SQL."""
    return f"""
       g.filing_id, f.form, f.report_date, f.from_date, f.thru_date, f.report_num, s.url AS source_file,
       {sheet} AS source_sheet, g.source_id, g.source_row, s.sha256 AS source_sha256,
       COALESCE(f.page_url, i.value) AS page_url, g.id"""


def _dollars(amount: str) -> str:
    return f"{amount} AS amount, CASE WHEN {amount} IS NOT NULL THEN printf('%.2f', {amount}) END AS amount_text"


def _year(*days: str) -> str:
    return f"CAST(substr(COALESCE({', '.join(days)}), 1, 4) AS INTEGER) AS year"


_CONTRIBUTOR = (
    "g.contributor_name, g.name_norm, g.contributor_type, g.contributor_type_label, g.employer, g.occupation, "
    "g.city, g.state, g.zip, g.committee_id, g.committee_name"
)


def _contributions(sheet: str, kind: str) -> str:
    return f"""
SELECT g.date, {_year("g.date", "g.thru_date", "g.report_date")}, {_CONTRIBUTOR}, '{kind}' AS kind,
       {_dollars("g.amount")}, g.description, {_evidence(f"'{sheet}'")}
FROM {SHEET[sheet].friendly} g {_JOINS}"""


def _sums_of_contributions(name: str, columns: str, groups: str) -> str:
    return f"""
CREATE VIEW contributions_by_{name} AS
SELECT {columns}, COUNT(*) FILTER (WHERE amount > 0) AS gifts, COUNT(DISTINCT name_norm) AS contributors,
       ROUND(TOTAL(amount) FILTER (WHERE kind = 'money'), 2) AS money,
       ROUND(TOTAL(amount) FILTER (WHERE kind <> 'money'), 2) AS goods, ROUND(TOTAL(amount), 2) AS total,
       MIN(date) AS first, MAX(date) AS last
FROM contributions GROUP BY {groups}"""


_SPENDING = f"""
CREATE VIEW spending_for_and_against AS
SELECT g.date, {_year("g.date", "f.thru_date", "f.report_date")}, g.target, g.target_norm, g.support_oppose,
       g.support_oppose_label, g.spender, g.committee_id, {_dollars("g.amount")}, g.description, g.basis,
       {_evidence("g.source_sheet")}
FROM independent_spending g {_JOINS}"""

_SPENDING_BY_TARGET = """
CREATE VIEW spending_by_target AS
SELECT MAX(target) AS target, target_norm, UPPER(support_oppose) AS support_oppose, support_oppose_label,
       COUNT(*) AS payments, COUNT(DISTINCT committee_id) AS spenders, ROUND(TOTAL(amount), 2) AS total,
       MIN(date) AS first, MAX(date) AS last
FROM independent_spending GROUP BY target_norm, UPPER(support_oppose)"""

#: A gift that several reports list is one: it has the same transaction id, date, amount and name in each. Without an
#: id, equal gifts within a report are several.
_LISTED_ONCE = """
WITH gifts AS (
    SELECT *, CASE WHEN transaction_id IS NULL THEN ROW_NUMBER() OVER (
               PARTITION BY filing_id, report_date, report_num, date, amount, {name} ORDER BY id
           ) END AS copy
    FROM {table} WHERE {condition}
), listings AS (
    SELECT *, ROW_NUMBER() OVER (
               PARTITION BY committee_id, transaction_id, date, amount, name_norm, copy
               ORDER BY report_date, {report}, id
           ) AS listing
    FROM gifts
)"""

_LATE = SHEET["497"].friendly
_LATE_CONTRIBUTIONS = f"""
CREATE VIEW late_contributions AS
{
    _LISTED_ONCE.format(
        table=_LATE, name="contributor_or_recipient", condition="part = 'P1'", report="report_id"
    ).lstrip()
}, reported AS (
    SELECT committee_id, MAX(thru_date) AS last_thru_date FROM filings
    WHERE is_current = 1 AND form IN ('450', '460') GROUP BY committee_id
)
SELECT g.date, {_year("g.date", "g.report_date")}, g.contributor_or_recipient AS contributor_name, g.name_norm,
       g.entity_type AS contributor_type, g.entity_type_label AS contributor_type_label, g.employer, g.occupation,
       g.city, g.state, g.zip, g.committee_id, g.committee_name, {_dollars("g.amount")}, g.report_id,
       r.last_thru_date,
       NOT EXISTS (
           SELECT 1 FROM filings regular
           WHERE regular.committee_id = g.committee_id AND regular.is_current = 1
             AND regular.form IN ('450', '460')
             AND COALESCE(g.date, g.report_date) BETWEEN regular.from_date AND regular.thru_date
       ) AS is_open, {_evidence("'497'")}
FROM listings g LEFT JOIN reported r ON r.committee_id = g.committee_id {_JOINS}
WHERE g.listing = 1"""

_IE_CONTRIBUTIONS_ONCE = f"""
CREATE VIEW ie_contributions_once AS
{
    _LISTED_ONCE.format(
        table="ie_contributions", name="contributor_name", condition="is_current = 1 AND memo = 0", report="filing_id"
    ).lstrip()
}
SELECT g.date, {_year("g.date", "g.report_date")}, {_CONTRIBUTOR}, {_dollars("g.amount")}, g.description,
       {_evidence("'F496P3-Contributions'")}
FROM listings g {_JOINS}
WHERE g.listing = 1"""


def _loans(sheet: str, direction: str) -> str:
    return f"""
SELECT g.loan_date, {_year("g.thru_date", "g.report_date")}, '{direction}' AS direction,
       g.lender_name AS lender_or_borrower, g.name_norm, g.lender_type, g.lender_type_label, g.employer,
       g.occupation, g.city, g.state, g.zip, g.committee_id, g.committee_name, {_dollars("g.received")}, g.paid,
       g.forgiven, g.interest, g.opening_balance, g.closing_balance, g.original_amount, g.due_date, g.rate_text,
       g.rate, {_evidence(f"'{sheet}'")}
FROM {SHEET[sheet].friendly} g {_JOINS}"""


def pages_of_filings(agency_page: str) -> Iterator[str]:
    """Yield the statement that says of each filing where a person can see it: its own page, else the agency's."""
    page = f"'{agency_page.replace(chr(39), chr(39) * 2)}'" if agency_page else "NULL"
    yield f"UPDATE filings SET page_url = COALESCE(pdf_url, {page})"


def statements() -> Iterator[str]:
    """Yield the statements that make the views, each after those that it reads."""
    money, goods = _contributions("A-Contributions", "money"), _contributions("C-Contributions", "goods or services")
    yield f"CREATE VIEW contributions AS {money} UNION ALL {goods}"
    yield _sums_of_contributions("committee", "committee_id, committee_name", "committee_id")
    yield _sums_of_contributions("year", "year", "year")
    yield _sums_of_contributions("city", "UPPER(city) AS city, state", "UPPER(city), state")
    yield _sums_of_contributions("employer", "UPPER(employer) AS employer", "UPPER(employer)")
    yield _SPENDING
    yield _SPENDING_BY_TARGET
    yield _LATE_CONTRIBUTIONS
    yield _IE_CONTRIBUTIONS_ONCE
    yield f"CREATE VIEW loans AS {_loans('B1-Loans', 'received')} UNION ALL {_loans('H-Loans', 'made')}"
