"""Runs the examples of a Markdown page, in order, in one folder, as a reader would.

    ```python title=plugins/hello.py     writes the file; any language will do
    ```sh run                            runs the lines; the first that fails ends the test
    ```sh run background                 starts them and goes on; they are stopped at the end of the page
    ```console run                       runs the lines that begin with "$ "; what follows each is its output

In expected output, `...` stands for anything, within a line or over several. All other blocks are only read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from devtools.processes import Programs

#: How long one block may take, in seconds.
PATIENCE = 90


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def title(self) -> str | None:
        """The file that it is the content of."""
        return next((word.removeprefix("title=") for word in self.words if word.startswith("title=")), None)

    def __str__(self) -> str:
        """Say where it is."""
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks."""
    fences = [token for token in MarkdownIt().parse(page.read_text()) if token.type == "fence"]
    return [_block(page, token.map[0] + 1 if token.map else 0, token.info.split(), token.content) for token in fences]


def _block(page: Path, line: int, info: list[str], text: str) -> Block:
    return Block(page, line, info[0] if info else "", tuple(info[1:]), text)


def is_example(block: Block) -> bool:
    """Whether a reader is meant to do what the block says."""
    return "run" in block.words or block.title is not None


def run_page(page: Path, folder: Path, programs: Programs) -> int:
    """Do everything that the page says, in `folder`; return how many blocks that were."""
    examples = [block for block in blocks(page) if is_example(block)]
    for block in examples:
        if block.title is not None:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text)
        elif "background" in block.words:
            programs.run("sh", "-euc", block.text, cwd=folder, env=_environment())
        elif block.language == "console":
            _run_console(block, folder)
        else:
            _run(block, block.text, folder)
    return len(examples)


def _environment() -> dict[str, str]:
    """Put this Python environment's programs first, as an activated one would."""
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120", "NO_COLOR": "1"}


def _run(block: Block, script: str, folder: Path) -> str:
    result = subprocess.run(
        ["sh", "-euc", script],
        cwd=folder,
        env={**os.environ, **_environment()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, f"{block}: exit {result.returncode}\n{script}\n{result.stdout}"
    return result.stdout


def _run_console(block: Block, folder: Path) -> None:
    for command, expected in _dialogue(block.text):
        said = _run(block, command, folder)
        assert _matches(expected, said), f"{block}: $ {command}\n--- expected ---\n{expected}\n--- was ---\n{said}"


def _dialogue(text: str) -> Iterator[tuple[str, str]]:
    """Take a console session apart: (command, what it is said to print)."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _matches(expected: str, said: str) -> bool:
    lines = (re.escape(line.rstrip()) for line in expected.strip().splitlines())
    pattern = "\n".join(lines).replace(re.escape("..."), ".*?")
    plain = "\n".join(line.rstrip() for line in said.strip().splitlines())
    return not expected.strip() or re.fullmatch(pattern, plain, flags=re.DOTALL) is not None
