"""What a document's error says, and how it travels."""

import pickle

import pytest

from clerk.text import DocumentError, Page
from clerk.text.document import PERMANENT


def test_it_names_the_document_and_the_page() -> None:
    error = DocumentError("damaged", "is damaged")
    assert str(error) == "is damaged"
    error.page = 3
    assert str(error) == "page 3 is damaged"
    error.name = "CityCouncil/2026-08-03.pdf"
    assert str(error) == "CityCouncil/2026-08-03.pdf: page 3 is damaged"
    assert error.exit_code == 1


def test_it_survives_being_sent() -> None:
    error = DocumentError("crash", "crashed")
    error.page, error.pages = 2, (Page(1, "one", "ocr"),)
    sent = pickle.loads(pickle.dumps(error))
    assert (str(sent), sent.kind, sent.page, sent.pages) == (str(error), "crash", 2, error.pages)


@pytest.mark.parametrize("kind", ["missing", "timeout", "memory", "crash", "no-engine"])
def test_what_may_pass_is_not_permanent(kind: str) -> None:
    assert kind not in PERMANENT
