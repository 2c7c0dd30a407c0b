"""The law of language: plain words, imperative docstrings (CONTRIBUTING.md, "How we write")."""

from __future__ import annotations

import re
import subprocess

import pytest

from devtools.laws.source import ROOT

#: What a reader stumbles over -> what to write in its place. Case-sensitive, whole words.
AVOIDED = {
    r"\b(nobody|somebody|whoever|everybody|anybody)\b": "name the one who acts: a worker, an operator, a process",
    r"\b(tell|tells|told)\b": "say, return, report, ask",
    r"\b(is none|are none|of ours)\b": "say what is missing, or whose it is",
    r"\b(anew|lest|in vain)\b": "again; so that … not; without success",
    r'"""(Have|Let) ': "begin with what the function does",
}

#: File -> a phrase of it that is ordinary English, or names a thing of another program.
EXCEPTIONS: dict[str, str] = {}

WHERE = ("clerk", "clerk_tasks", "plugins", "migrations", "script", "docs", "celeryconfig.py", "*.md")


def texts() -> list[tuple[str, str]]:
    """Return (path, text) of the product, its scripts and its pages, less the phrases that are exceptions."""
    listed = subprocess.run(["git", "ls-files", "-z", *WHERE], cwd=ROOT, capture_output=True, check=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name.endswith((".py", ".md")) and (ROOT / name).exists()]
    return [(name, (ROOT / name).read_text().replace(EXCEPTIONS.get(name, "\0"), "")) for name in names]


@pytest.mark.parametrize("pattern", AVOIDED)
def test_words_that_a_reader_stumbles_over_are_not_used(pattern: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == [], f"write otherwise: {AVOIDED[pattern]}"


def test_every_exception_is_needed() -> None:
    for name, phrase in EXCEPTIONS.items():
        assert any(re.search(pattern, phrase) for pattern in AVOIDED), phrase
        assert phrase in (ROOT / name).read_text()
