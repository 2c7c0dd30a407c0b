"""Money has two decimals wherever a reader sees it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from clerk.reading.amounts import amount_cell
from devtools.readers import Reader
from plugins.election_finance.friendly_columns import FIELDS
from tests.integration.finance.conftest import Town

pytestmark = pytest.mark.slow


def test_tables_and_views_show_cents(money: Town, reader: Callable[[], Reader]) -> None:
    datasette = reader()
    for table in ("monetary_contributions", "contributions", "committee_totals"):
        page = datasette.page(f"/alderbay-ca-finance/{table}")
        cells = re.findall(r'<td class="col-(?:amount|total|contributions)[^"]*">([^<]*)</td>', page)
        assert cells
        assert [cell for cell in cells if not re.fullmatch(r"-?[\d,]+\.\d\d", cell.strip())] == []


def test_every_column_of_dollars_is_shown_so() -> None:
    numbers = {field.name for fields in FIELDS.values() for field in fields if field.sql_type == "REAL"}
    assert {name for name in numbers if amount_cell(name, 1234.5) != "1,234.50"} == {"rate"}
    assert amount_cell("amount", None) is None
    assert amount_cell("amount", -0.5) == "-0.50"
