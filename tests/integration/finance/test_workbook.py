"""Workbooks whose shape is not quite what it was last year."""

import io
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from openpyxl import Workbook as Book
from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from clerk.child_process import MIB, ChildError, ChildLimits
from devtools.netfile_books import workbook, zipped
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import SHEET, SHEETS
from plugins.election_finance.reader import LIMITS
from plugins.election_finance.transform import Cleaned, Filing, Transformer
from plugins.election_finance.workbook import Remark, extract


@dataclass
class Row:
    """One row after cleaning: its number, its filing, and its cells without the blank ones."""

    number: int
    filing: Filing
    cells: dict[str, Any]


@dataclass
class Read:
    """A workbook after cleaning: what is odd about it, and the rows of each sheet with what is odd about those."""

    remarks: list[Remark]
    rows: dict[str, list[Row]]
    of_rows: dict[str, list[Remark]]


def rows_of(cleaned: Cleaned) -> list[Row]:
    return [
        Row(number, cleaned.filings[at], {name: c[at] for name, c in cleaned.columns.items() if c[at] is not None})
        for at, number in enumerate(cleaned.batch.numbers)
    ]


def read(content: bytes, limits: ChildLimits = LIMITS) -> Read:
    transformer = Transformer("COAK")
    with TemporaryDirectory() as folder:
        Path(folder, "2013.xlsx").write_bytes(content)
        book = extract(Path(folder, "2013.xlsx"), Path(folder, "cells"), limits)
        found = Read(list(book.remarks), defaultdict(list), defaultdict(list))
        for batch in book.batches():
            cleaned = transformer.clean(batch, book.epoch)
            found.rows[batch.sheet.name] += rows_of(cleaned)
            found.of_rows[batch.sheet.name] += transformer.remarks(cleaned, book.epoch)
    return found


HEAD = {
    "Filer_ID": "1310647",
    "Filer_NamL": "Keep Oakland",
    "Report_Num": "000",
    "Rpt_Date": date(2014, 1, 16),
    "From_Date": date(2013, 7, 1),
    "Thru_Date": date(2013, 12, 31),
    "Form_Type": "A",
}


def gift(**cells: Any) -> dict[str, Any]:
    return {**HEAD, "Tran_ID": "A1", "Tran_NamL": "Amos", "Tran_Date": date(2013, 10, 24), "Tran_Amt1": 100.0, **cells}


def cleaned(book: Read, sheet: str = "A-Contributions") -> tuple[list[Row], list[tuple[str, int | None]]]:
    return book.rows[sheet], [(remark.code, remark.row) for remark in book.remarks + book.of_rows[sheet]]


def details(book: Read, sheet: str) -> list[tuple[int | None, str, str]]:
    return [(remark.row, remark.code, remark.detail) for remark in book.of_rows[sheet]]


def test_the_layout_is_netfiles() -> None:
    widths = {sheet.name: len(sheet.columns) for sheet in SHEETS}
    assert len(widths) == 16
    assert [widths[name] for name in ("A-Contributions", "E-Expenditure", "F461P5-Expenditure")] == [75, 63, 77]
    assert [widths[name] for name in ("F-Expenses", "B1-Loans", "Summary", "497", "496")] == [44, 61, 16, 45, 31]
    for sheet in SHEETS:
        assert len(set(sheet.columns)) == len(sheet.columns)
        assert not [column for column in sheet.kept if "Adr" in column]


def test_cells_left_out_do_not_move_the_others() -> None:
    content = workbook({"A-Contributions": [gift(Tran_City=None, Tran_Zip4="94611")]})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert 'r="G2"' in sheet
    assert 'r="H2"' not in sheet, "the row is not sparse, so this test shows nothing"
    (entry,), _ = cleaned(read(content))
    assert entry.cells["Tran_Zip4"] == "94611"
    assert "Tran_City" not in entry.cells


def test_columns_are_found_by_name_wherever_they_are() -> None:
    book = Book()
    book.remove(book.active)  # type: ignore[arg-type]
    for sheet in SHEETS:
        page = book.create_sheet(sheet.name)
        columns = ["Something_New", *reversed(sheet.columns)]
        page.append([column.upper() if column == "Tran_City" else column for column in columns])
        if sheet.name == "A-Contributions":
            page.append([None])
            page.append([{**gift(), "Something_New": "?"}.get(column) for column in columns])
    saved = io.BytesIO()
    book.save(saved)
    (entry,), remarks = cleaned(read(saved.getvalue()))
    assert (entry.cells["Tran_NamL"], entry.cells["Tran_Amt1"], entry.number) == ("Amos", 100, 3)
    assert ("extra_column", None) in remarks


def test_a_column_we_can_do_without_is_remarked_on() -> None:
    book = read(workbook({"A-Contributions": [gift()]}, drop=[("A-Contributions", "Tran_Occ")]))
    (entry,), remarks = cleaned(book)
    assert entry.cells["Tran_NamL"] == "Amos"
    assert remarks == [("missing_column", None)]


@pytest.mark.parametrize("column", ["Filer_ID", "Thru_Date", "Tran_Amt1", "Report_Num"])
def test_a_column_we_cannot_do_without_is_the_end(column: str) -> None:
    with pytest.raises(BadSource, match=f"sheet A-Contributions has no column {column}"):
        read(workbook({}, drop=[("A-Contributions", column)]))


def test_a_missing_sheet_is_the_end() -> None:
    with pytest.raises(BadSource, match="it has no sheet 497, 496"):
        read(workbook({}, sheets=[sheet.name for sheet in SHEETS[:-2]]))


def test_another_sheet_is_remarked_on() -> None:
    book = load_workbook(io.BytesIO(workbook({})))
    book.create_sheet("F401-Something")
    saved = io.BytesIO()
    book.save(saved)
    assert [(remark.code, remark.sheet) for remark in read(saved.getvalue()).remarks] == [
        ("extra_sheet", "F401-Something")
    ]


def test_dates_may_be_text_or_numbers_and_amounts_text() -> None:
    rows = [gift(Tran_Date=when) for when in (date(2013, 10, 24), 41571, "10/24/2013", "2013-10-24T00:00:00-08:00")]
    rows += [gift(Tran_Amt1="$100.00")]
    found, remarks = cleaned(read(workbook({"A-Contributions": rows})))
    assert {entry.cells["Tran_Date"] for entry in found} == {"2013-10-24"}
    assert {entry.cells["Tran_Amt1"] for entry in found} == {100}
    assert remarks == []


def test_serial_numbers_of_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    day = date(2013, 10, 24)
    serial = (day - date(1904, 1, 1)).days
    rows = [gift(Tran_Date=when) for when in (day, serial, str(serial), "10/24/2013", 20131024)]
    book = load_workbook(io.BytesIO(workbook({"A-Contributions": rows})))
    book.epoch = CALENDAR_MAC_1904
    book.save(tmp_path / "2013.xlsx")
    found, remarks = cleaned(read((tmp_path / "2013.xlsx").read_bytes()))
    assert [row.cells["Tran_Date"] for row in found] == ["2013-10-24"] * 5
    assert remarks == []


def test_what_cannot_be_understood_is_left_out_and_remarked_on() -> None:
    odd = gift(Tran_Date="last week", Tran_Amt1="a lot", Tran_NamL="San Diego ? Sponsored")
    found, remarks = cleaned(read(workbook({"A-Contributions": [odd, gift(Tran_Date=None, Tran_Amt1=None)]})))
    assert [("Tran_Date" in entry.cells, "Tran_Amt1" in entry.cells) for entry in found] == [(False, False)] * 2
    assert remarks == [
        ("bad_date", 2), ("bad_amount", 2), ("lost_character", 2), ("blank_amount", 3), ("blank_date", 3)
    ]  # fmt: skip


def test_invisible_characters_are_no_part_of_a_cell() -> None:
    odd = gift(Tran_NamL="Oak\u202e\u200b PAC", Tran_City="\u200b", Tran_Amt1="\u202d5.00\u202c", Tran_Date="\u200b")
    (row,), remarks = cleaned(read(workbook({"A-Contributions": [odd]})))
    assert (row.cells["Tran_NamL"], row.cells["Tran_Amt1"]) == ("Oak PAC", 5.0)
    assert "Tran_City" not in row.cells
    assert remarks == [("blank_date", 2)]


def test_what_a_report_is_known_by_is_missed_where_it_is_blank_or_an_error() -> None:
    nameless = gift(Filer_ID=None, Report_Num="", Thru_Date="soon")
    day = {**HEAD, "Form_Type": "F497P1", "From_Date": None, "Ctrib_Date": "1/1/13", "Amount": 5.0, "Rpt_ID_Num": "1"}
    days = [{**day, "Rpt_Date": "1/2/13"}, {**day, "Rpt_Date": None, "Rpt_ID_Num": None}]
    content = workbook({"A-Contributions": [gift(), nameless], "497": days})
    book = load_workbook(io.BytesIO(content))
    book["A-Contributions"]["E2"] = "#REF!"
    saved = io.BytesIO()
    book.save(saved)
    found = read(saved.getvalue())
    assert details(found, "A-Contributions") == [
        (2, "blank_key", "Rpt_Date"), (3, "bad_date", "Thru_Date: soon"), (3, "blank_key", "Filer_ID, Report_Num")
    ]  # fmt: skip
    assert details(found, "497") == [(3, "blank_key", "Rpt_Date, Rpt_ID_Num")]


def test_a_report_is_one_filing_however_its_number_is_written() -> None:
    rows = [gift(Report_Num=number) for number in ("001", "1", 1)]
    found, _ = cleaned(read(workbook({"A-Contributions": rows})))
    assert len({entry.filing.version.filing_id for entry in found}) == 1
    assert found[0].filing.version.report_num == 1


@pytest.mark.parametrize(
    ("form_type", "form"),
    [("A", "460"), ("F460", "460"), ("F461", "461"), ("F461P5", "461"), ("F465P3", "465"), ("", "460")],
)
def test_the_form_comes_from_the_form_type(form_type: str, form: str) -> None:
    line = {**HEAD, "Form_Type": form_type, "Line_Item": "5", "Amount_A": 1.0}
    (entry,), _ = cleaned(read(workbook({"Summary": [line]})), "Summary")
    assert entry.filing.version.form == form


def test_required_columns_are_columns() -> None:
    for sheet in SHEETS:
        assert set(sheet.required) <= set(sheet.columns)
    assert "Rpt_ID_Num" in SHEET["497"].required


SHEET_1 = "xl/worksheets/sheet1.xml"


def built(cells: bytes, **others: bytes) -> bytes:
    """Return a workbook whose first sheet has more cells, and which has other members."""
    with zipfile.ZipFile(io.BytesIO(workbook({}))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[SHEET_1] = members[SHEET_1].replace(b"</sheetData>", cells + b"</sheetData>")
    return zipped(members | {f"xl/{name}.xml": content for name, content in others.items()})


def elsewhere(content: bytes) -> bytes:
    """Return the workbook with its first sheet stored under another name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    moved = {name.replace(SHEET_1, "xl/odd.xml"): part for name, part in members.items()}
    return zipped({name: part.replace(SHEET_1.encode(), b"xl/odd.xml") for name, part in moved.items()})


FAR = b"<row r = '1048576'><c r = 'XFD1048576'><v>1</v></c></row>"
SAME = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (row, row) for row in range(2, 40_000))
STRING = b"<sst><si><t>" + b"x" * 30_000 + b"</t></si></sst>"


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        (built(FAR), ChildLimits()),
        (elsewhere(built(FAR)), ChildLimits()),
        (built(b'<row r="400000"><c r="CZ400000"><v>1</v></c></row>'), ChildLimits(memory=400 * MIB)),
        (built(SAME, sharedStrings=STRING), ChildLimits(memory=400 * MIB)),
        (built(SAME, sharedStrings=STRING[:500] + b"</t></si></sst>"), ChildLimits(output=4 * MIB)),
    ],
    ids=["far", "elsewhere", "dense", "one-text-everywhere", "much-text"],
)
def test_a_workbook_that_is_too_much_is_no_end_of_ours(content: bytes, limits: ChildLimits) -> None:
    with pytest.raises(BadSource, match=r"(more|crashed) .* It is built to be too much"):
        read(content, limits)


def test_a_workbook_is_not_waited_for_for_ever() -> None:
    with pytest.raises(BadSource, match="was not read within 0 s"):
        read(workbook({}), ChildLimits(seconds=0))


def test_a_damaged_sheet_is_named() -> None:
    with pytest.raises(BadSource, match=r"sheet A-Contributions is damaged: .* Get the file again\."):
        read(built(b'<row r="2"><c r="?"><v>1</v></c></row>'))


def test_a_full_disk_is_no_damage_of_the_workbook(tmp_path: Path) -> None:
    (tmp_path / "2013.xlsx").write_bytes(workbook({"A-Contributions": [gift()]}))
    (tmp_path / "2013.partial").symlink_to("/dev/full")
    with pytest.raises(ChildError, match="No space left on device") as error:
        extract(tmp_path / "2013.xlsx", tmp_path / "2013.cells")
    assert error.value.kind == "failed"
