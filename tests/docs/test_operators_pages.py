"""The commands of the operators' pages are ones that the program takes, and what they name is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from devtools.deploy_files import DEPLOY, ROOT, parse
from devtools.pages import blocks

PAGES = [ROOT / "docs/how-to/deploy.md", ROOT / "docs/how-to/operate.md"]
#: One of our commands in a line of a shell; `clerk` is the function that operate.md defines.
OURS = re.compile(r"(?:(?<![\w-])clerk-tasks|^clerk) +([a-z][a-z-]*(?: [^|>#&;]*)?)")


def shell_lines(page: Path) -> list[str]:
    """Return the lines of a page's shell blocks, continued ones as one."""
    text = "\n".join(block.text for block in blocks(page) if block.language == "sh")
    return text.replace("\\\n", " ").splitlines()


def commands(page: Path) -> list[tuple[str, ...]]:
    """Return our commands in the blocks and sentences of a page."""
    found = [match[1] for line in shell_lines(page) if "$@" not in line for match in OURS.finditer(line)]
    found += re.findall(r"`clerk-tasks ([^`]+)`", page.read_text())
    return [tuple(shlex.split(words)) for words in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_are_ours(page: Path) -> None:
    found = commands(page)
    assert len(found) > 5
    for words in found:
        parse(words)


def test_a_command_that_is_not_ours_is_found() -> None:
    for words in (("wurker",), ("worker", "--consistency", "3"), ("db", "prine")):
        with pytest.raises(Exception, match=r"No such|no command"):
            parse(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_and_units_are_there(page: Path) -> None:
    text = page.read_text()
    files = re.findall(r"(?<![\w/])(?:deploy|requirements|tests)/[\w./@-]*\w", text)
    assert [name for name in files if not (ROOT / name).exists() and name != "deploy/.env"] == []
    units = {path.name.removesuffix(".service") for path in DEPLOY.glob("systemd/*.service")}
    for line in shell_lines(page):
        if line.startswith("systemctl ") and "--now" in line:
            named = line.split("--now ")[1].split()
            assert {re.sub(r"@.*", "@", name.removesuffix(".service")) for name in named} <= units
