"""The tables of election_finance.db; the columns are a contract with the public front end and with readers' queries."""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

from collections.abc import Iterator

from plugins.election_finance.friendly_columns import FIELDS
from plugins.election_finance.layout import AMOUNTS, PART_3, SHEETS, Sheet

#: Raise it whenever the same input gives different tables: databases are then built again.
SCHEMA_VERSION = 5

HEAD = (
    ("id", "TEXT PRIMARY KEY"),
    ("filing_id", "TEXT NOT NULL REFERENCES filings(filing_id)"),
    ("committee_id", "TEXT NOT NULL REFERENCES committees(committee_id)"),
    ("committee_name", "TEXT NOT NULL"),
    ("report_date", "TEXT"),
    ("from_date", "TEXT"),
    ("thru_date", "TEXT"),
    ("report_num", "INTEGER NOT NULL"),
    ("is_current", "INTEGER NOT NULL DEFAULT 1"),
    ("transaction_id", "TEXT"),
    ("source_id", "INTEGER NOT NULL REFERENCES sources(source_id)"),
    ("source_row", "INTEGER"),
)

#: What the names of the tables begin with that have the rows of a friendly table that do not count.
SUPERSEDED, MEMO = "superseded_", "memo_"

PROVENANCE = """
CREATE TABLE database_info (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sources (
    source_id INTEGER PRIMARY KEY, agency TEXT NOT NULL, route TEXT NOT NULL, url TEXT, year INTEGER,
    fetched_at TEXT, bytes INTEGER, sha256 TEXT,
    status TEXT NOT NULL CHECK (status IN ('ok', 'unavailable', 'unchanged', 'failed')), detail TEXT,
    format TEXT NOT NULL
);
CREATE TABLE etl_runs (
    run_id TEXT PRIMARY KEY, stage TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, status TEXT NOT NULL,
    rows_in INTEGER, rows_out INTEGER, message TEXT
);
CREATE TABLE row_issues (
    issue_id INTEGER PRIMARY KEY, source_id INTEGER REFERENCES sources(source_id), sheet TEXT, row INTEGER,
    code TEXT NOT NULL, detail TEXT
);
CREATE TABLE zipcodes (zip TEXT PRIMARY KEY, city TEXT, county TEXT);
"""

CORE = """
CREATE TABLE committees (
    committee_id TEXT PRIMARY KEY, fppc_id TEXT, netfile_local_id TEXT, name TEXT NOT NULL, committee_type TEXT,
    first_report TEXT, last_report TEXT, is_pending INTEGER NOT NULL, committee_type_label TEXT
);
CREATE TABLE committee_names (
    committee_id TEXT NOT NULL REFERENCES committees(committee_id), name TEXT NOT NULL, first_seen TEXT,
    last_seen TEXT, PRIMARY KEY (committee_id, name)
);
CREATE TABLE filings (
    filing_id TEXT PRIMARY KEY, committee_id TEXT NOT NULL REFERENCES committees(committee_id), form TEXT NOT NULL,
    report_num INTEGER NOT NULL, report_id TEXT, report_date TEXT, from_date TEXT, thru_date TEXT,
    election_date TEXT, netfile_filing_id TEXT, pdf_url TEXT, is_current INTEGER NOT NULL,
    superseded_by TEXT REFERENCES filings(filing_id),
    superseded_reason TEXT CHECK (superseded_reason IN ('amended', 'contained', 'refiled', 'duplicate')),
    form_name TEXT, page_url TEXT
);
"""

#: What full-text search covers: table -> columns.
SEARCHED = {
    "committees": ("name",),
    "monetary_contributions": ("contributor_name", "employer", "occupation", "committee_name"),
    "non_monetary_contributions": ("contributor_name", "employer", "occupation", "committee_name"),
    "misc_cash_increases": ("contributor_name", "employer", "occupation", "committee_name"),
    "ie_contributions": ("contributor_name", "employer", "occupation", "committee_name"),
    "payments_made": ("payee_name", "description", "committee_name"),
    "accrued_expenses": ("payee_name", "description", "committee_name"),
    "on_behalf_of_expenditures": ("payee_name", "agent_name", "description", "committee_name"),
    "expenditure_summaries": ("payee_name", "candidate_name", "measure_name", "description", "committee_name"),
    "ie_expenditures": ("payee_name", "candidate_name", "measure_name", "description", "committee_name"),
    "major_donor_ie_statements": ("payee_name", "candidate_name", "measure_name", "description", "committee_name"),
    "contribution_reports_24_hours": ("contributor_or_recipient", "candidate", "measure", "employer", "committee_name"),
    "ie_reports_24_hours": ("candidate_name", "measure_name", "description", "committee_name"),
}

_INDEXED = ("date", "loan_date", "amount", "incurred", "received", "city", "zip", "candidate_name", "candidate")
_INDEXED_NAMES = ("name_norm", "contributor_name", "payee_name", "lender_name", "contributor_or_recipient")


def tables() -> Iterator[str]:
    """Yield the statements that make every table a load fills, before any row."""
    yield PROVENANCE
    yield CORE
    for sheet in SHEETS:
        yield _raw_table(sheet)
        yield _friendly_table(sheet)
        yield _friendly_table(sheet, SUPERSEDED)
        yield _friendly_table(sheet, MEMO)


def filing_indexes() -> Iterator[str]:
    """Yield the statements that make the indexes of `filings`, which the derived tables look rows up in."""
    yield "CREATE INDEX filings_by_committee ON filings (committee_id, thru_date)"
    yield "CREATE INDEX filings_by_is_current ON filings (is_current)"


def indexes() -> Iterator[str]:
    """Yield the statements that make the indexes and the full-text search, once the rows are in."""
    yield "CREATE INDEX committee_names_by_name ON committee_names (name COLLATE NOCASE)"
    for sheet in SHEETS:
        yield from _friendly_indexes(sheet)
    for table, columns in SEARCHED.items():
        yield (
            f'CREATE VIRTUAL TABLE "{table}_fts" USING fts5 ({", ".join(columns)}, content="{table}", '
            "tokenize='porter unicode61')"
        )
        yield f'INSERT INTO "{table}_fts" ("{table}_fts") VALUES (\'rebuild\')'


def friendly_columns(sheet: Sheet) -> tuple[str, ...]:
    """Return the names of a friendly table's columns, in order."""
    return (*(name for name, _type in HEAD), *(field.name for field in FIELDS[sheet.kind]))


def _raw_table(sheet: Sheet) -> str:
    # Amounts have no type: as REAL, SQLite would make a number of a text that may mean two, such as 1.234.
    columns = ", ".join(f'"{column}"' if column in AMOUNTS else f'"{column}" TEXT' for column in sheet.kept)
    always = "" if sheet.name == PART_3 else "NOT NULL "
    return (
        f'CREATE TABLE "{sheet.raw}" (_source_id INTEGER NOT NULL REFERENCES sources(source_id), '
        f"_row INTEGER NOT NULL, _filing_id TEXT {always}REFERENCES filings(filing_id), {columns}, "
        "PRIMARY KEY (_source_id, _row))"
    )


def _friendly_table(sheet: Sheet, prefix: str = "") -> str:
    columns = [f"{name} {sql_type}" for name, sql_type in HEAD]
    if sheet.name == PART_3:
        columns = [column.replace("filing_id TEXT NOT NULL", "filing_id TEXT") for column in columns]
    columns += [f"{field.name} {field.sql_type}" for field in FIELDS[sheet.kind]]
    columns += ["reason TEXT NOT NULL"] if prefix else []
    return f"CREATE TABLE {prefix}{sheet.friendly} ({', '.join(columns)})"


def _friendly_indexes(sheet: Sheet) -> Iterator[str]:
    table = sheet.friendly
    columns = friendly_columns(sheet)
    second = next((name for name in ("date", "loan_date") if name in columns), "thru_date")
    yield f"CREATE INDEX {table}_by_committee ON {table} (committee_id, {second})"
    yield f"CREATE INDEX {table}_by_filing ON {table} (filing_id)"
    yield f"CREATE INDEX {table}_by_report_date ON {table} (report_date)"
    for name in _INDEXED:
        if name in columns:
            yield f"CREATE INDEX {table}_by_{name} ON {table} ({name})"
    for name in _INDEXED_NAMES:
        if name in columns:
            yield f"CREATE INDEX {table}_by_{name} ON {table} ({name} COLLATE NOCASE)"
