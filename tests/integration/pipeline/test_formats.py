"""Documents that are not PDF on their way through the pipeline."""

from __future__ import annotations

import pytest

from clerk.plugin.loader import plugin_manager
from devtools.papers import paper
from tests.integration.pipeline.city import SITE, City, stages_of
from tests.integration.pipeline.test_plugins import Uploads

pytestmark = pytest.mark.slow

RTF = rb"{\rtf1 The motion passed.}"
OLD_WORD = b"\xd0\xcf\x11\xe0" + bytes(600)


def put(city: City, name: str, content: bytes) -> None:
    path = city.root / "pdfs/Council" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_every_format_is_read_or_listed_with_the_reason(city: City) -> None:
    put(city, "2024-01-02.rtf", RTF)
    put(city, "2024-01-03.TXT", b"Plain words.")
    put(city, "2024-01-04.doc", OLD_WORD)
    put(city, "2024-01-05.json", b"{}")
    run = city.day()
    assert stages_of(run)["ocr"] == ("closed", 4, 1)
    assert city.query("SELECT date, text FROM minutes ORDER BY date") == [
        ("2024-01-02", "The motion passed."),
        ("2024-01-03", "Plain words."),
    ]
    assert city.files("pdfs/*/*") == ["pdfs/Council/2024-01-04.doc", "pdfs/Council/2024-01-05.json"]
    (dead,) = city.jobs(state="discarded")
    assert "minutes Council 2024-01-04: is a file of an old Office program" in dead["error"]
    assert city.files("failed/*/*") == ["failed/Council/2024-01-04.json"]


def test_a_pdf_in_place_of_what_is_not_read_replaces_it(city: City) -> None:
    put(city, "2024-01-02.doc", OLD_WORD)
    city.day()
    put(city, "2024-01-02.pdf", paper())
    assert stages_of(city.day())["ocr"] == ("closed", 2, 0)
    assert city.rows() == [("Council", "2024-01-02", 1)]
    assert city.files("pdfs/*/*") == city.files("failed/*/*") == []


def test_a_document_of_another_format_is_uploaded_without_pictures(city: City) -> None:
    uploads = Uploads()
    plugin_manager().register(uploads)
    put(city, "2024-01-02.rtf", RTF)
    city.day()
    assert uploads.stored == {f"{SITE}/_pdfs/Council/2024-01-02.rtf": RTF}
