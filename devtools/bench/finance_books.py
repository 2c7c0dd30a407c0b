"""Writes large workbooks of NetFile's shape quickly: the sheets of contributions, payments and Summary lines."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from openpyxl.utils import get_column_letter

from devtools.netfile_books import workbook
from plugins.election_finance.layout import SHEET, SHEETS, Sheet

#: Of ten rows, seven are contributions and three are payments; each filing has so many, and twelve Summary lines.
_GIFTS_OF_TEN = 7
_ROWS_OF_FILING = 200
_TOWNS = ("Oakland", "Berkeley", "Alameda", "San Leandro", "Fremont", "Richmond")
_FIRST_NAMES = ("Ada", "Ben", "Cleo", "Dara", "Emil", "Fay", "Gus", "Hana")
_JOBS = ("Gardener", "Teacher", "Nurse", "Engineer", "Retired")
_DAY_0 = date(1899, 12, 30)

_STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"

#: The format of the cells with `s="1"`.
_DATE_STYLE = b'<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'

Row = dict[str, str | float | date]


def write_book(path: Path, rows: int, year: int = 2024, *, shared: bool = True) -> None:
    """Write a workbook with so many rows, the same for the same arguments.

    Texts are `shared` strings, as in NetFile's files, or stand in their cells.
    """
    strings = Strings(shared)
    with zipfile.ZipFile(io.BytesIO(workbook({}))) as empty, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        parts = {f"xl/worksheets/sheet{number}.xml": sheet for number, sheet in enumerate(SHEETS, start=1)}
        makers = {"A-Contributions": gifts, "E-Expenditure": payments, "Summary": summary_lines}
        for name in empty.namelist():
            content = empty.read(name)
            if name in parts and parts[name].name in makers:
                sheet = parts[name]
                with book.open(name, "w") as file:
                    head, end = content.split(b"</sheetData>")
                    file.write(head)
                    for row in _xml_rows(sheet, makers[sheet.name](rows, year), strings):
                        file.write(row)
                    file.write(b"</sheetData>" + end)
            elif name == "xl/styles.xml":
                book.writestr(name, content.replace(b"</cellXfs>", _DATE_STYLE + b"</cellXfs>"))
            elif name not in ("[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
                book.writestr(name, content)
        types, relations = (empty.read(name).decode() for name in ("[Content_Types].xml", "xl/_rels/workbook.xml.rels"))
        if shared:
            book.writestr("xl/sharedStrings.xml", strings.xml())
            part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_STRINGS}"/></Types>'
            types = types.replace("</Types>", part)
            relation = f'<Relationship Id="rIdStrings" Type="{_RELATION}" Target="sharedStrings.xml"/></Relationships>'
            relations = relations.replace("</Relationships>", relation)
        book.writestr("[Content_Types].xml", types)
        book.writestr("xl/_rels/workbook.xml.rels", relations)


class Strings:
    """The texts of a workbook: each with its number, or as it stands in its cell."""

    def __init__(self, shared: bool) -> None:
        self._shared = shared
        self._numbers: dict[str, int] = {}

    def cell(self, where: str, text: str) -> str:
        """Return a cell with a text."""
        if not self._shared:
            return f'<c r="{where}" t="inlineStr"><is><t>{text}</t></is></c>'
        return f'<c r="{where}" t="s"><v>{self._numbers.setdefault(text, len(self._numbers))}</v></c>'

    def xml(self) -> str:
        """Return the part with the texts."""
        items = "".join(f"<si><t>{text}</t></si>" for text in self._numbers)
        return f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{items}</sst>'


def _xml_rows(sheet: Sheet, rows: Iterable[Row], strings: Strings) -> Iterator[bytes]:
    letters = [get_column_letter(at) for at in range(1, len(sheet.columns) + 1)]
    for number, row in enumerate(rows, start=2):
        cells = []
        for letter, column in zip(letters, sheet.columns, strict=True):
            value: Any = row.get(column)
            if isinstance(value, str):
                cells.append(strings.cell(f"{letter}{number}", value))
            elif isinstance(value, date):
                cells.append(f'<c r="{letter}{number}" s="1"><v>{(value - _DAY_0).days}</v></c>')
            elif value is not None:
                cells.append(f'<c r="{letter}{number}"><v>{value}</v></c>')
        yield f'<row r="{number}">{"".join(cells)}</row>'.encode()


def _cover(number: int, year: int) -> Row:
    """Return the cells that the rows of a filing begin with."""
    filer, half = divmod(number, 2)
    start, end = ((1, 1), (6, 30)) if half == 0 else ((7, 1), (12, 31))
    return {
        "Filer_ID": str(1_400_000 + filer),
        "Filer_NamL": f"Committee {filer} for a Better Town",
        "Report_Num": "000",
        "Committee_Type": "CTL",
        "Rpt_Date": date(year, end[0], end[1]) + timedelta(days=30),
        "From_Date": date(year, *start),
        "Thru_Date": date(year, *end),
    }


def gifts(rows: int, year: int) -> Iterator[Row]:
    """Yield rows of schedule A; a third as many people as rows give."""
    chance = random.Random(year)
    for number in range(rows * _GIFTS_OF_TEN // 10):
        cover = _cover(number // (_ROWS_OF_FILING * _GIFTS_OF_TEN // 10), year)
        person, amount = chance.randrange(1 + rows // 4), float(chance.randrange(1, 5000))
        yield {
            **cover, "Rec_Type": "RCPT", "Form_Type": "A", "Tran_ID": f"INC{number}", "Entity_Cd": "IND",
            "Tran_NamL": f"Donor{person}", "Tran_NamF": _FIRST_NAMES[person % 8], "Tran_City": _TOWNS[person % 6],
            "Tran_State": "CA", "Tran_Zip4": f"94{person % 1000:03}", "Tran_Emp": f"Employer {person % 3000}",
            "Tran_Occ": _JOBS[person % 5], "Tran_Self": "n", "Tran_Amt1": amount, "Tran_Amt2": amount,
            "Tran_Date": date(year, 1, 1) + timedelta(days=chance.randrange(180)),
        }  # fmt: skip


def payments(rows: int, year: int) -> Iterator[Row]:
    """Yield rows of schedule E."""
    chance = random.Random(-year)
    of_ten = 10 - _GIFTS_OF_TEN
    for number in range(rows * of_ten // 10):
        cover = _cover(number // (_ROWS_OF_FILING * of_ten // 10), year)
        payee = chance.randrange(1 + rows // 20)
        yield {
            **cover, "Rec_Type": "EXPN", "Form_Type": "E", "Tran_ID": f"PAY{number}", "Entity_Cd": "OTH",
            "Payee_NamL": f"Printer {payee}", "Payee_City": _TOWNS[payee % 6], "Payee_State": "CA",
            "Payee_Zip4": f"94{payee % 1000:03}", "Expn_Code": "LIT", "Expn_Dscr": f"Mailer {number % 500}",
            "Expn_Date": date(year, 1, 1) + timedelta(days=chance.randrange(180)),
            "Amount": float(chance.randrange(1, 5000)),
        }  # fmt: skip


def summary_lines(rows: int, year: int) -> Iterator[Row]:
    """Yield the Summary lines of every filing."""
    for number in range(-(-rows // _ROWS_OF_FILING)):
        for form, line in [
            ("A", "1"),
            ("E", "1"),
            *(("F460", str(item)) for item in (1, 2, 4, 5, 6, 11, 15, 16, 17, 19)),
        ]:
            yield {
                **_cover(number, year), "Rec_Type": "SMRY", "Form_Type": form, "Line_Item": line,
                "Amount_A": float(number),
            }  # fmt: skip


def rows_of(path: Path) -> int:
    """Return how many rows the workbook has, the heads not counted."""
    with zipfile.ZipFile(path) as book:
        parts = [book.read(f"xl/worksheets/sheet{number}.xml") for number in range(1, len(SHEETS) + 1)]
    return sum(len(re.findall(rb"<row ", part)) for part in parts) - len(SHEET)
