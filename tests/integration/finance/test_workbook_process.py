"""What the child process reads of a workbook: large sheets in slices, and serial dates by the workbook's epoch."""

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from devtools.bench.finance_books import write_book
from devtools.netfile_books import workbook, zipped
from plugins.election_finance.workbook_process import OpenWorkbook

SHEET_1 = "xl/worksheets/sheet1.xml"


def rows(path: Path, slice_size: int, sheet: str = "A-Contributions") -> list[tuple[int, list[Any]]]:
    """Return the rows that have a cell, without the blank cells at their ends, which depend on the slice."""
    with OpenWorkbook(path, slice_size) as book:
        found = [(number, "\0".join(map(str, row)).rstrip("\0").split("\0")) for number, row in book.rows(sheet)]
    return [(number, row) for number, row in found if row != [""]]


@pytest.mark.parametrize("shared", [True, False], ids=["shared-strings", "inline"])
def test_a_large_sheet_is_the_same_in_slices(tmp_path: Path, shared: bool) -> None:
    write_book(tmp_path / "2024.xlsx", 300, shared=shared)
    whole = rows(tmp_path / "2024.xlsx", 1 << 30)
    assert len(whole) == 211
    for slice_size in (9_000, 10_000, 33_333):
        assert rows(tmp_path / "2024.xlsx", slice_size) == whole


def test_a_small_sheet_is_read_after_a_large_one(tmp_path: Path) -> None:
    write_book(tmp_path / "2024.xlsx", 300)
    with OpenWorkbook(tmp_path / "2024.xlsx", 9_000) as book:
        assert len(list(book.rows("A-Contributions"))) == 211
        assert [row[0] for _, row in book.rows("497")] == ["Filer_ID"]


def changed(path: Path, **replaced: Any) -> Path:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[SHEET_1] = members[SHEET_1].replace(replaced["old"], replaced["new"])
    path.write_bytes(zipped(members))
    return path


@pytest.mark.parametrize(
    ("old", "new"), [(b"<row r=", b"<row x="), (b"<sheetData>", b"<sheetData >"), (b"</row>", b"</row >")]
)
def test_a_sheet_that_cannot_be_cut_is_read_whole(tmp_path: Path, old: bytes, new: bytes) -> None:
    write_book(tmp_path / "2024.xlsx", 300)
    path = changed(tmp_path / "2024.xlsx", old=old, new=new)
    assert rows(path, 9_000) == rows(path, 1 << 30)
    assert len(rows(path, 9_000)) == 211


@pytest.mark.parametrize("is_1904", [True, False])
def test_the_workbook_says_from_when_it_counts(tmp_path: Path, is_1904: bool) -> None:
    book = load_workbook(io.BytesIO(workbook({"497": [{"Rpt_Date": date(2024, 7, 31)}]})))
    if is_1904:
        book.epoch = CALENDAR_MAC_1904
    book.save(tmp_path / "2024.xlsx")
    with OpenWorkbook(tmp_path / "2024.xlsx") as found:
        assert found.counts_from_1904 is is_1904
        assert [row[4] for number, row in found.rows("497") if number == 2] == [date(2024, 7, 31)]
