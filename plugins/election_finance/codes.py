"""What the codes of the state's campaign disclosure format (CAL 2.01) stand for; codes.csv lists them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


def _read() -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    with Path(__file__).with_name("codes.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            tables.setdefault(row["table"], {})[row["code"]] = row["meaning"]
    return tables


_TABLES = _read()
EXPENSES, OFFICES, JURISDICTIONS = (_TABLES[name] for name in ("expense", "office", "jurisdiction"))
ENTITIES, TRANSACTIONS, SIDES = (_TABLES[name] for name in ("entity", "transaction", "side"))
COMMITTEES, FORMS, PARTS = (_TABLES[name] for name in ("committee", "form", "part"))

#: (Form_Type, Line_Item) of the Summary sheet.
SUMMARY_LINES = {tuple(code.split()): meaning for code, meaning in _TABLES["summary line"].items()}


def labelled(code: str | None, description: str | None, labels: Mapping[str, str]) -> str | None:
    """Return the filer's own words if there are any, else the code's meaning, else the code."""
    return description or (labels.get(code, code) if code else None)
