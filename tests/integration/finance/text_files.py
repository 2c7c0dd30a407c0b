"""Small text files of each source, and what of them counts."""

import csv
import io
import zipfile
from typing import Any

from plugins.election_finance.layout import SHEET
from tests.integration.finance.conftest import Town

CAL201 = [
    *("NetFileKey", "FilerStateId", "FilerName", "FilingId", "FilingStartDate", "FilingEndDate", "Form_Type"),
    *("Tran_Id", "Tran_NamL", "Tran_NamF", "Tran_Date", "Tran_Amt1", "Entity_Cd", "Memo_Code"),
]
COVER = {
    "Filer_ID": "1400001",
    "Filer_NamL": "Friends of Elm",
    "Report_Num": "000",
    "Rpt_Date": "2023-07-31",
    "From_Date": "2023-01-01",
    "Thru_Date": "2023-06-30",
}
GIFT = {**COVER, "Form_Type": "A", "Tran_ID": "A1", "Tran_NamL": "Oak", "Tran_Date": "2023-02-01", "Tran_Amt1": 100.0}


def csv_of(header: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def cal201(*rows: dict[str, str]) -> bytes:
    """Return an export with rows of one committee; each row may change any cell."""
    usual = {
        "FilerStateId": "1400001", "FilerName": "Friends of Elm", "FilingId": "150000001",
        "FilingStartDate": "2023-01-01", "FilingEndDate": "2023-06-30", "Form_Type": "A", "Tran_Id": "A1",
        "Tran_NamL": "Oak", "Tran_Date": "2023-02-01", "Tran_Amt1": "100.00",
    }  # fmt: skip
    made = [{"NetFileKey": str(number), **usual, **row} for number, row in enumerate(rows)]
    return csv_of(CAL201, [[row.get(name, "") for name in CAL201] for row in made])


def sheet(name: str, *rows: dict[str, Any], columns: list[str] | None = None) -> bytes:
    names = columns or [column for column in SHEET[name].columns if "Adr" not in column]
    return csv_of(names, [[str(row.get(column, "")) for column in names] for row in rows])


def efile(*amounts: str, number: str = "000", supersedes: str = "", day: str = "20230731") -> bytes:
    """Return a Form 460 with gifts of these amounts."""
    lines = [
        f'HDR,CAL,CA,2.01,Vendor,1,"{f"Supercedes={supersedes};Hash=1" if supersedes else ""}"',
        f"CVR,F460,1400001,RCP,Friends of Elm,,,,{number},{day},SA,,20230101,20230630,,,,Elm,CA,94601,5105550000",
        *(f"RCPT,A,A{at},IND,Oak,Ann,,,,,Elm,CA,94601,,,,,20230201,,{sum_}" for at, sum_ in enumerate(amounts, 1)),
    ]
    return "\r\n".join(lines).encode()


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def gifts(town: Town) -> list[tuple[float, str]]:
    """Return the amounts that count, each with the format of its source."""
    return town.query(
        "SELECT amount, format FROM monetary_contributions JOIN sources USING (source_id) "
        "WHERE is_current ORDER BY amount"
    )
