"""Cells as people typed them, turned into text, dates, dollars, ids and names; None where one makes no sense."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

#: What a workbook gives us for one cell; dates and times are ISO text.
Cell = str | float | bool | None

_CENT = Decimal("0.01")
_LARGEST = Decimal(10) ** 12
#: An amount without its sign: thousands grouped by commas and a decimal point, or the other way round where the groups
#: show it. `1.234` and `100,50` may mean either, so they match neither.
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_PLAIN = re.compile(r"(?![1-9][0-9]{0,2}\.[0-9]{3}$)(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_EUROPEAN = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]{1,2}|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}")
#: Where a minus, a dollar sign and parentheses may stand around it; each at most once.
_SIGNED = re.compile(r"(?P<minus>[-+] ?)?(?P<dollar>\$ ?)?(?P<inner>- ?)?(?P<amount>[0-9.,]+)(?P<after> ?-)?")
_IN_PARENTHESES = re.compile(r"(?P<dollar>\$ ?)?\( ?(?P<content>.+?) ?\)")
EPOCH = date(1899, 12, 30)  # day 0 of a spreadsheet's serial dates, unless it counts from 1904
_SERIALS = range(18_264, 73_051)  # 1950 to 2099: a smaller number is something else, such as a year
_YEARS = range(1900, 2100)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]*)?$")
_ZIP = re.compile(r"(\d{5})(?:-?\d{4})?\D*$")
_FPPC_ID = re.compile(r"\d{5,7}$")
_LOCAL_ID = re.compile(r"(?:[A-Z]{1,6}-?)?\d[\d-]*$")
_WORD = re.compile(r"[^\W_]+")
_WITHIN_WORDS = re.compile(r"['\u2018\u2019.]")
#: Categories of characters that are invisible: controls, formats (bidi overrides, zero-width), halves of characters.
_UNSEEN = ("Cc", "Cf", "Cs")


def seen(value: str) -> str:
    """Return what a person sees of a text: no control, bidi or zero-width characters; accents in one piece (NFC)."""
    if not value.isprintable():
        value = "".join(char for char in value if char.isspace() or unicodedata.category(char) not in _UNSEEN)
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def text(cell: Cell) -> str | None:
    """Return a cell as text, trimmed, with runs of blanks as one; whole numbers lose their `.0`."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(seen(str(cell)).split()) or None


def money(cell: Cell) -> Decimal | None:
    """Return a cell as dollars, rounded to the cent; None where it may mean two amounts, or none.

    `$-1,234.50`, `(1,234.50)`, `$(1,234.50)`, `1,234.50-` and `1.234,50` are understood.
    """
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        amount = Decimal(str(cell))
    else:
        written = _written_amount(text(cell) or "")
        if written is None:
            return None
        amount = Decimal(written)
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        return None
    return amount.quantize(_CENT, ROUND_HALF_UP) + 0  # + 0: no negative zero


def _written_amount(value: str) -> str | None:
    """Return an amount in the notation of Decimal."""
    inside = _IN_PARENTHESES.fullmatch(value)
    found = _SIGNED.fullmatch((inside["content"] if inside else value).replace("\u2212", "-"))
    if not found or (inside and inside["dollar"] and found["dollar"]):
        return None
    signs = [sign.strip() for sign in (found["minus"], found["inner"], found["after"]) if sign]
    amount = found["amount"]
    if _EUROPEAN.fullmatch(amount):
        amount = amount.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(amount):
        amount = amount.replace(",", "")
    elif not _PLAIN.fullmatch(amount):
        return None
    if len(signs) > 1 or (inside and signs == ["+"]):
        return None
    return f"-{amount}" if inside or signs == ["-"] else amount


def iso_date(cell: Cell, epoch: date = EPOCH) -> str | None:
    """Return a cell as YYYY-MM-DD: a serial number, counted from `epoch`, or text.

    A time and its zone are cut off, not converted.
    """
    value = text(cell)
    if value is None:
        return None
    if not _NUMBER.match(value):
        return _written_date(value)
    number = int(float(value))
    if number + (epoch - EPOCH).days in _SERIALS:
        return (epoch + timedelta(days=number)).isoformat()
    return _written_date(str(number))  # 20130731


def _written_date(value: str) -> str | None:
    if found := _ISO.match(value) or _COMPACT.match(value):
        year, month, day = (int(part) for part in found.groups())
    elif found := _AMERICAN.match(value):
        month, day, year = (int(part) for part in found.groups())
        if year < 100:
            year += 2000 if year < 70 else 1900
    else:
        return None
    try:
        return date(year, month, day).isoformat() if year in _YEARS else None
    except ValueError:
        return None


def report_number(cell: Cell) -> int:
    """Return 0 for an original, 1 for the first amendment…: `1`, `1.0` and `001` are the same, blank is 0."""
    found = re.match(r"\D*(\d{1,6})", text(cell) or "")
    return int(found[1]) if found else 0


def committee_key(filer_id: Cell, name: str | None) -> str:
    """Return what identifies a committee: its id, or its name while the id is `Pending`, `N/A` or blank.

    Several committees share the word "Pending", so the word alone identifies no one.
    """
    known = _id(filer_id)
    return known or f"pending:{normal_name(name) or 'unnamed'}"


def _id(filer_id: Cell) -> str | None:
    value = (text(filer_id) or "").upper().lstrip("#").replace(" ", "")
    if not value.strip("0-"):
        return None
    return value if _LOCAL_ID.match(value) else None


def fppc_id(key: str) -> str | None:
    """Return a committee key if it is a number given by the state (FPPC), else None."""
    return key if _FPPC_ID.match(key) else None


def person(last: Cell, first: Cell = None, suffix: Cell = None) -> str | None:
    """Join the parts of a name as one says it; organisations have only a last name."""
    return " ".join(part for part in (text(first), text(last), text(suffix)) if part) or None


def normal_name(name: str | None) -> str:
    """Return a name for comparing: lower case words, no accents, no punctuation (nor the `?` of lost characters).

    A name that has no words, such as `??? ??`, stays as typed: else all of those would be one.
    """
    plain = (name or "").casefold()
    if not plain.isascii():
        letters = unicodedata.normalize("NFKD", plain)
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(_WITHIN_WORDS.sub("", plain)) or plain.split())


def postcode(cell: Cell) -> str | None:
    """Return the five digits of a US postcode, its lost leading zero restored; anything else stays as typed."""
    value = text(cell)
    if value is None:
        return None
    if re.fullmatch(r"\d{4}", value):
        return f"0{value}"
    found = _ZIP.match(value)
    return found[1] if found else value.upper()


def yes(cell: Cell) -> int | None:
    """Return 1 for y, x, true; 0 for any other mark; None for none."""
    value = text(cell)
    return None if value is None else int(value[0].lower() in "yxt1")


def is_memo(cell: Cell) -> int:
    """Return 1 for a literal X, which marks a row as informational; other uses of the column mean nothing of it."""
    return int((text(cell) or "").upper() == "X")


def rate(cell: Cell) -> float | None:
    """Return an interest rate in percent: `0.00%`, `5`, `5.5 %`; a date or prose has none."""
    found = re.match(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*%?\s*$", text(cell) or "")
    return float(found[1]) if found else None


def place_name(name: str | None) -> str:
    """Return a city's name for comparing: `City of Oakland` and `OAKLAND` are one."""
    words = normal_name(name)
    for prefix in ("city and county of ", "city of ", "town of "):
        words = words.removeprefix(prefix)
    return words.removesuffix(" city of").removesuffix(" town of")
