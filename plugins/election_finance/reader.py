"""The cells of a workbook, read by a child process: one that is too much for it is a bad file, not our end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from plugins.election_finance.cleaning import Cell
from plugins.election_finance.errors import BadSource
from plugins.election_finance.workbook_process import TOO_MUCH

MIB = 1 << 20

#: A row as read: its number as a spreadsheet shows it, and its cells.
Row = tuple[int, list[Cell]]

#: What the child may know of our environment: it reads untrusted files, so no passwords.
_PASSED_ON = ("PATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What reading may cost, bytes and seconds; a sheet of 100 000 full rows takes a third of that, and ten seconds."""

    memory: int = 2048 * MIB  # address space of the child
    output: int = 256 * MIB
    seconds: float = 300


LIMITS = Limits()


class Sheets:
    """A workbook: `names` of all its sheets, and the rows of those that were asked for."""

    def __init__(self, answer: IO[bytes]) -> None:
        self._answer = answer
        self.names: list[str] = self._next()

    def rows(self) -> Iterator[Row]:
        """Yield the rows, blank ones left out, of the next sheet that was asked for and is there."""
        while (row := self._next()) is not None:
            yield row

    def _next(self) -> Any:
        line = json.loads(self._answer.readline())
        if isinstance(line, dict):
            raise BadSource(line["error"])
        return line


@contextmanager
def opened(content: bytes, wanted: Sequence[str], limits: Limits) -> Iterator[Sheets]:
    """Read the sheets of `wanted`; BadSource where the workbook is damaged, or takes more than the limits allow."""
    program = [sys.executable, "-P", str(Path(__file__).with_name("workbook_process.py"))]
    figures = [str(limits.memory), str(int(limits.seconds) + 1), str(limits.output)]
    environment = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(("PYTHON", "LC_"))
    }
    with TemporaryFile() as answer:
        try:
            ended = subprocess.run(
                [*program, *figures, *wanted],
                input=content,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                timeout=limits.seconds,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BadSource(f"the workbook was not read within {limits.seconds:g} s") from None
        if ended.returncode < 0 or ended.returncode == TOO_MUCH:
            raise BadSource(
                f"the workbook cannot be read within {limits.memory // MIB:,} MiB of memory: it is built to be too "
                "much, or has a cell far outside its table. Get the file again."
            )
        ended.check_returncode()
        answer.seek(0)
        yield Sheets(answer)
