"""Files that are not what they should be."""

import io
import re
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clerk.archive import ArchiveLimits
from devtools.netfile_books import workbook, zipped
from plugins.election_finance.archive import workbook_file
from plugins.election_finance.errors import BadSource
from plugins.election_finance.workbook import extract

EMPTY = workbook({})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "2013.zip"


def complaint(file: Path, content: bytes, limits: ArchiveLimits | None = None) -> str:
    file.write_bytes(content)
    with pytest.raises(BadSource) as error:
        workbook_file(file, file.with_suffix(".inner"), limits or ArchiveLimits())
    return str(error.value)


def test_a_workbook_and_a_zip_of_one_are_the_same(file: Path) -> None:
    file.write_bytes(EMPTY)
    assert workbook_file(file, file.with_suffix(".inner")).read_bytes() == EMPTY
    file.write_bytes(zipped({"readme.txt": b"hello", "efile_COAK_2013.XLSX": EMPTY, "__MACOSX/._efile.xlsx": b"x"}))
    assert workbook_file(file, file.with_suffix(".inner")).read_bytes() == EMPTY


COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (COMPOUND + "Workbook".encode("utf-16-le"), r"before 2007 \(\.xls\); save it as \.xlsx"),
        (COMPOUND + "EncryptedPackage".encode("utf-16-le"), "an encrypted workbook; open it with its password"),
        (zipped({"2013.xlsx": COMPOUND + "EncryptedPackage".encode("utf-16-le")}), "an encrypted workbook"),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.bin": b""}), r"a binary Excel workbook \(\.xlsb\)"),
        (zipped({"mimetype": b"", "content.xml": b""}), r"an OpenDocument file \(\.ods\); save it as \.xlsx"),
        (zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b""}), r"a Word document \(\.docx\)"),
        (zipped({"2013.xls": COMPOUND}), r"exactly one \.xlsx; this one holds none, but '2013\.xls'"),
    ],
    ids=["xls", "encrypted", "encrypted-in-zip", "xlsb", "ods", "docx", "xls-in-zip"],
)
def test_a_workbook_of_another_kind_is_named(file: Path, content: bytes, reason: str) -> None:
    assert re.search(reason, complaint(file, content))


def test_a_web_page_is_not_a_zip(file: Path) -> None:
    assert "is a web page" in complaint(file, b"\n<!DOCTYPE html><html>Not found</html>")
    assert "is empty" in complaint(file, b"")
    assert "begins with" in complaint(file, b"Filer_ID,Filer_NamL")


def test_exactly_one_workbook(file: Path) -> None:
    assert "'a.xlsx', 'b.xlsx'" in complaint(file, zipped({"a.xlsx": EMPTY, "b.xlsx": EMPTY}))
    assert "holds none" in complaint(file, zipped({"readme.txt": b"later"}))


@pytest.mark.parametrize("name", ["../2013.xlsx", "/etc/2013.xlsx", "a\\..\\..\\2013.xlsx"])
def test_names_stay_inside(file: Path, name: str) -> None:
    assert "outside itself" in complaint(file, zipped({name: EMPTY}))


def test_a_bomb_is_not_unpacked(file: Path) -> None:
    assert "zip bomb" in complaint(file, zipped({"2013.xlsx": b"\0" * 20_000_000}))
    assert "it would unpack to" in complaint(file, zipped({"2013.xlsx": EMPTY}), ArchiveLimits(unpacked=1000))


def test_a_bomb_within_the_workbook_is_not_unpacked(file: Path) -> None:
    members = {"[Content_Types].xml": b"<x/>", "xl/worksheets/sheet1.xml": b"<c/>" * 5_000_000}
    assert "zip bomb" in complaint(file, zipped({"2013.xlsx": zipped(members)}))


def test_too_many_members_or_bytes(file: Path) -> None:
    many = zipped({f"{number}.txt": b"" for number in range(300)})
    assert "300 files" in complaint(file, many)
    assert "more than the 10 that are allowed" in complaint(file, EMPTY, ArchiveLimits(bytes=10))
    long = zipped({"a.xlsx": bytes(9999)})
    assert "more than the 1,000 that are allowed" in complaint(file, long, ArchiveLimits(bytes=1000))


def test_a_size_that_is_a_lie_is_found_out(file: Path) -> None:
    honest = zipped({"2013.xlsx": b"PK" + bytes(1000)})
    with zipfile.ZipFile(io.BytesIO(honest)) as archive:
        size = struct.pack("<L", archive.infolist()[0].file_size)
    assert "is damaged" in complaint(file, honest.replace(size, struct.pack("<L", 10)))


def test_an_encrypted_workbook_is_refused(file: Path) -> None:
    secret = bytearray(zipped({"2013.xlsx": EMPTY}))
    directory = secret.index(b"PK\x01\x02")
    secret[6] |= 1
    secret[directory + 8] |= 1
    assert "is encrypted" in complaint(file, bytes(secret))


@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "xl/theme/theme1.xml"])
def test_damage_is_found_wherever_it_is_in_the_workbook(file: Path, name: str) -> None:
    damaged = bytearray(EMPTY)
    with zipfile.ZipFile(io.BytesIO(EMPTY)) as archive:
        damaged[archive.getinfo(name).header_offset + 200] ^= 1
    assert f"{name} in the archive is damaged" in complaint(file, bytes(damaged))


@settings(max_examples=60)
@given(st.data())
def test_damage_is_always_told_as_such(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    broken = bytearray(EMPTY)
    for at in data.draw(st.lists(st.integers(0, len(broken) - 1), min_size=1, max_size=20)):
        broken[at] ^= data.draw(st.integers(1, 255))
    file = tmp_path_factory.mktemp("damaged") / "2013.xlsx"
    file.write_bytes(broken[: data.draw(st.integers(0, len(broken)))])
    with suppress(BadSource):  # any other error fails the test
        book = extract(workbook_file(file, file.with_suffix(".inner")), file.with_suffix(".cells"))
        assert book.rows == 0, "the damage was in nothing that matters"
