"""Ids: the same for the same row, whatever file it comes in and wherever it stands there."""

from datetime import date
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.election_finance.identities import Identities
from plugins.election_finance.layout import SHEET
from plugins.election_finance.transform import Entry, Transformer
from plugins.election_finance.workbook import Batch

EPOCH = date(1899, 12, 30)


def batch(*rows: dict[str, Any]) -> list[Entry]:
    head = {"Filer_ID": "1", "Filer_NamL": "X", "From_Date": "2013-01-01", "Form_Type": "A"}
    cells = {name: [{**head, **row}.get(name) for row in rows] for name in (*head, "Tran_ID", "Tran_Amt1")}
    cleaned = Transformer("COAK").clean(Batch(SHEET["A-Contributions"], range(2, 2 + len(rows)), cells), EPOCH)
    return [cleaned.entry(at) for at in range(len(cleaned))]


def ids(identities: Identities, rows: list[Entry]) -> list[tuple[str, Any]]:
    return sorted((row_id, entry.cleaned.columns["Tran_Amt1"][entry.at]) for row_id, entry in identities.assign(rows))


def test_one_transaction_id_for_two_gifts_gives_two_ids() -> None:
    found = ids(Identities(), batch({"Tran_ID": "INC6", "Tran_Amt1": 5.0}, {"Tran_ID": "INC6", "Tran_Amt1": 7.0}))
    assert len({row_id for row_id, _ in found}) == 2


def test_two_equal_rows_in_one_file_are_two() -> None:
    same = {"Tran_ID": "INC6", "Tran_Amt1": 5.0}
    assert len({row_id for row_id, _ in ids(Identities(), batch(same, same))}) == 2


def test_a_row_that_an_earlier_file_gave_is_not_given_again() -> None:
    identities = Identities()
    same, more = {"Tran_ID": "INC6", "Tran_Amt1": 5.0}, {"Tran_ID": "INC6", "Tran_Amt1": 9.0}
    first = ids(identities, batch(same, same))
    second = ids(identities, batch(same, more))
    assert [amount for _, amount in second] == [9]
    assert not {row_id for row_id, _ in first} & {row_id for row_id, _ in second}


def test_rows_without_a_transaction_id_are_kept_apart() -> None:
    found = ids(Identities(), batch({"Tran_Amt1": 5.0}, {"Tran_Amt1": 6.0}, {"Tran_Amt1": 5.0}))
    assert len({row_id for row_id, _ in found}) == 3


@given(
    st.lists(st.tuples(st.sampled_from(["A1", "A2", None]), st.sampled_from([1.0, 2.0])), max_size=8), st.integers(0, 9)
)
def test_the_order_of_the_rows_does_not_matter(gifts: list[tuple[str | None, float]], seed: int) -> None:
    rows = [{"Tran_ID": transaction, "Tran_Amt1": amount} for transaction, amount in gifts]
    shuffled = list(rows)
    Random(seed).shuffle(shuffled)
    assert ids(Identities(), batch(*rows)) == ids(Identities(), batch(*shuffled))
