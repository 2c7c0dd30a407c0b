"""Papers of a city's meetings: PDFs of known words, and days to publish them on."""

from __future__ import annotations

from devtools.pdfs import Pdf

#: What a paper of one page says, unless a test says otherwise.
WORDS = (
    "The regular meeting of the city council was called to order at seven in the evening.",
    "The council approved the heron bridge contract in the amount of 412,000 dollars.",
    "The minutes of the previous meeting were approved as presented on a motion by Thompson.",
    "There being no further business before the council, the meeting was adjourned.",
)


def paper(*words: str) -> bytes:
    """Return a PDF of one page of text for each of the words, which distinguish the pages."""
    made = Pdf()
    for word in words or ("one",):
        made.text(*WORDS, f"This page is about {word}.")
    return made.made()


def another_day(day: int) -> str:
    """Return a day of 2024, the first being 0."""
    return f"2024-{day // 28 + 1:02}-{day % 28 + 1:02}"
