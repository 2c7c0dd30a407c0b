"""The tables made for reading: totals, top lists, late money. They are made of tables that contain only what counts.

docs/reference/election-finance.md defines every one of them for readers. They have no primary key on purpose:
Datasette then shows their rows in the order they are inserted in, the largest or newest first.
"""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

from collections.abc import Iterator

from plugins.election_finance import coverage, views

_COMMITTEE_TOTALS = """
CREATE TABLE committee_totals (
    committee_id TEXT NOT NULL REFERENCES committees(committee_id), committee_name TEXT NOT NULL, year INTEGER,
    contributions REAL, loans REAL, non_monetary REAL, expenditures REAL, cash_on_hand REAL, debts REAL,
    as_of TEXT, reports INTEGER NOT NULL
);
INSERT INTO committee_totals
WITH lines AS (
    SELECT *, CAST(substr(COALESCE(thru_date, report_date), 1, 4) AS INTEGER) AS year,
           FIRST_VALUE(filing_id) OVER (
               PARTITION BY committee_id, substr(COALESCE(thru_date, report_date), 1, 4)
               ORDER BY thru_date DESC, from_date DESC, report_date DESC, filing_id
           ) AS latest
    FROM summaries WHERE form_type = 'F460'
)
SELECT committee_id, committee_name, year,
       ROUND(SUM(amount_period) FILTER (WHERE line_item = '5'), 2),
       ROUND(SUM(amount_period) FILTER (WHERE line_item = '2'), 2),
       ROUND(SUM(amount_period) FILTER (WHERE line_item = '4'), 2),
       ROUND(SUM(amount_period) FILTER (WHERE line_item = '11'), 2),
       SUM(amount_period) FILTER (WHERE line_item = '16' AND filing_id = latest),
       SUM(amount_period) FILTER (WHERE line_item = '19' AND filing_id = latest),
       MAX(thru_date), COUNT(DISTINCT filing_id)
FROM lines GROUP BY committee_id, year ORDER BY year DESC, 4 DESC, committee_id;
CREATE UNIQUE INDEX committee_totals_by_committee ON committee_totals (committee_id, year)
"""

_TOP_CONTRIBUTORS = """
CREATE TABLE top_contributors (
    name_norm TEXT NOT NULL, contributor_name TEXT NOT NULL, type TEXT, gifts INTEGER NOT NULL,
    committees INTEGER NOT NULL, total REAL NOT NULL, first TEXT, last TEXT, non_monetary REAL NOT NULL,
    combined REAL NOT NULL
);
CREATE TEMP TABLE gifts AS
SELECT name_norm, contributor_name, contributor_type, committee_id, date,
       COALESCE(amount, 0) AS cash, 0 AS kind
FROM monetary_contributions WHERE contributor_name IS NOT NULL
UNION ALL
SELECT name_norm, contributor_name, contributor_type, committee_id, date,
       0, COALESCE(amount, 0)
FROM non_monetary_contributions WHERE contributor_name IS NOT NULL;
CREATE TEMP TABLE spellings (name_norm TEXT PRIMARY KEY, contributor_name TEXT, contributor_type TEXT) WITHOUT ROWID;
INSERT OR IGNORE INTO spellings
SELECT name_norm, contributor_name, contributor_type FROM gifts GROUP BY name_norm, contributor_name, contributor_type
ORDER BY name_norm, COUNT(*) DESC, contributor_name DESC, contributor_type;
INSERT INTO top_contributors
SELECT name_norm, s.contributor_name, s.contributor_type, COUNT(*) FILTER (WHERE g.cash > 0 OR g.kind > 0),
       COUNT(DISTINCT g.committee_id), ROUND(SUM(g.cash), 2), MIN(g.date), MAX(g.date), ROUND(SUM(g.kind), 2),
       ROUND(SUM(g.cash) + SUM(g.kind), 2)
FROM gifts g JOIN spellings s USING (name_norm)
GROUP BY name_norm ORDER BY 6 DESC, 10 DESC, name_norm;
DROP TABLE gifts;
DROP TABLE spellings;
CREATE UNIQUE INDEX top_contributors_by_name ON top_contributors (name_norm)
"""

_TOP_PAYEES = """
CREATE TABLE top_payees (
    name_norm TEXT NOT NULL, payee_name TEXT NOT NULL, type TEXT, payments INTEGER NOT NULL,
    committees INTEGER NOT NULL, total REAL NOT NULL, first TEXT, last TEXT
);
CREATE TEMP TABLE payments AS
SELECT name_norm, payee_name, payee_type, committee_id, date, COALESCE(amount, 0) AS amount
FROM payments_made WHERE payee_name IS NOT NULL;
CREATE TEMP TABLE spellings (name_norm TEXT PRIMARY KEY, payee_name TEXT, payee_type TEXT) WITHOUT ROWID;
INSERT OR IGNORE INTO spellings
SELECT name_norm, payee_name, payee_type FROM payments GROUP BY name_norm, payee_name, payee_type
ORDER BY name_norm, COUNT(*) DESC, payee_name DESC, payee_type;
INSERT INTO top_payees
SELECT name_norm, s.payee_name, s.payee_type, COUNT(*), COUNT(DISTINCT p.committee_id),
       ROUND(SUM(p.amount), 2), MIN(p.date), MAX(p.date)
FROM payments p JOIN spellings s USING (name_norm)
GROUP BY name_norm ORDER BY 6 DESC, name_norm;
DROP TABLE payments;
DROP TABLE spellings;
CREATE UNIQUE INDEX top_payees_by_name ON top_payees (name_norm)
"""

_MONEY_BY_CITY = """
CREATE TABLE money_by_city (
    committee_id TEXT NOT NULL REFERENCES committees(committee_id), committee_name TEXT NOT NULL, year INTEGER,
    city TEXT, state TEXT, origin TEXT NOT NULL CHECK (origin IN ('in_city', 'in_state', 'out_of_state', 'unknown')),
    gifts INTEGER NOT NULL, total REAL NOT NULL
);
INSERT INTO money_by_city
WITH gifts AS (
    SELECT *, CAST(substr(COALESCE(date, thru_date), 1, 4) AS INTEGER) AS year, place_name(city) AS place
    FROM monetary_contributions
)
SELECT committee_id, committee_name, year, place_title(city), state,
       CASE WHEN state <> 'CA' THEN 'out_of_state'
            WHEN place = place_name('{home}') AND place <> '' THEN 'in_city'
            WHEN state = 'CA' THEN 'in_state'
            ELSE 'unknown' END,
       COUNT(*) FILTER (WHERE amount > 0), ROUND(SUM(COALESCE(amount, 0)), 2)
FROM gifts GROUP BY committee_id, year, place, state ORDER BY year DESC, 8 DESC, committee_id, place, state;
CREATE INDEX money_by_city_by_committee ON money_by_city (committee_id, year);
CREATE INDEX money_by_city_by_city ON money_by_city (city)
"""

#: Whom or what spending is for or against.
_TARGET = (
    "COALESCE(candidate_name, "
    "NULLIF(TRIM(COALESCE(measure_number, '') || ' ' || COALESCE(measure_name, '')), ''){otherwise}) AS target"
)

_INDEPENDENT_SPENDING = f"""
CREATE TABLE independent_spending (
    target TEXT, support_oppose TEXT, spender TEXT NOT NULL, date TEXT, amount REAL, basis TEXT NOT NULL,
    committee_id TEXT NOT NULL REFERENCES committees(committee_id),
    filing_id TEXT NOT NULL REFERENCES filings(filing_id), target_norm TEXT, support_oppose_label TEXT,
    description TEXT, id TEXT NOT NULL, source_sheet TEXT NOT NULL,
    source_id INTEGER NOT NULL REFERENCES sources(source_id), source_row INTEGER
);
INSERT INTO independent_spending
WITH named AS (
    SELECT *, {_TARGET.format(otherwise=", payee_name")} FROM (
        SELECT *, '460 schedule D' AS basis, 'D-Expenditure' AS sheet FROM expenditure_summaries WHERE code = 'IND'
        UNION ALL
        SELECT *, '461 part 5', 'F461P5-Expenditure' FROM major_donor_ie_statements WHERE code = 'IND'
    )
), late AS (
    SELECT *, {_TARGET.format(otherwise="")} FROM ie_reports_24_hours
)
SELECT target, support_oppose, committee_name, date, amount, basis, committee_id, filing_id, normal_name(target),
       support_oppose_label, description, id, sheet, source_id, source_row
FROM named
UNION ALL
SELECT target, support_oppose, committee_name, date, amount, '496', committee_id, filing_id, normal_name(target),
       support_oppose_label, description, id, '496', source_id, source_row
FROM late
WHERE NOT EXISTS (
    SELECT 1 FROM filings f
    WHERE f.committee_id = late.committee_id AND f.is_current = 1 AND f.form IN ('450', '460', '461')
      AND COALESCE(late.date, late.report_date) BETWEEN f.from_date AND f.thru_date
)
ORDER BY 4 DESC, 5 DESC, 1, 8;
CREATE INDEX independent_spending_by_target ON independent_spending (target COLLATE NOCASE);
CREATE INDEX independent_spending_by_committee ON independent_spending (committee_id)
"""

_LATE_CONTRIBUTIONS_OPEN = """
CREATE TABLE late_contributions_open (
    committee_id TEXT NOT NULL REFERENCES committees(committee_id), committee_name TEXT NOT NULL,
    contributor_name TEXT, type TEXT, date TEXT, amount REAL, report_id TEXT, last_thru_date TEXT,
    filing_id TEXT NOT NULL REFERENCES filings(filing_id)
);
INSERT INTO late_contributions_open
SELECT committee_id, committee_name, contributor_name, contributor_type, date, amount, report_id, last_thru_date,
       filing_id
FROM late_contributions WHERE is_open = 1 ORDER BY date DESC, amount DESC, id;
CREATE INDEX late_contributions_open_by_committee ON late_contributions_open (committee_id, date)
"""


def statements(municipality: str) -> Iterator[str]:
    """Yield the statements that make the derived tables; `municipality` says which gifts are from in the city."""
    yield _COMMITTEE_TOTALS
    yield _TOP_CONTRIBUTORS
    yield _TOP_PAYEES
    yield _MONEY_BY_CITY.format(home=municipality.replace("'", "''").replace(";", " "))
    yield _INDEPENDENT_SPENDING
    yield from views.statements()
    yield _LATE_CONTRIBUTIONS_OPEN
    yield coverage.COVERAGE_TABLE
    yield coverage.fill()
