"""The cells of a workbook, read by a child process: one that is too much for it is a bad file, not our end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile

from clerk.child_process import MIB, ChildError, ChildLimits, ChildProcess, Message
from plugins.election_finance.cleaning import Cell
from plugins.election_finance.errors import BadSource

#: A row as read: its number as a spreadsheet shows it, and its cells.
NumberedRow = tuple[int, list[Cell]]

_PROGRAM = str(Path(__file__).with_name("workbook_process.py"))

#: A sheet of 100 000 full rows takes a third of that, and ten seconds.
LIMITS = ChildLimits(seconds=300, answer_seconds=300, memory=2048 * MIB, output=256 * MIB)


class Sheets:
    """A workbook's extracted cells: `names` of all its sheets, and the rows of those that were asked for."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._answers: Iterator[Message] = map(json.loads, lines)
        self.names: list[str] = next(self._answers)["names"]

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows, blank ones left out, of the next sheet that was asked for and is there."""
        while "end" not in (answer := next(self._answers)):
            yield from answer["rows"]


def extract_cells(content: bytes, wanted: Sequence[str], cells: Path, limits: ChildLimits) -> None:
    """Write the sheets of `wanted` to `cells`; BadSource where the workbook is damaged, or takes more than `limits`."""
    partial = cells.with_suffix(".partial")
    with partial.open("w") as file, NamedTemporaryFile() as workbook, closing(ChildProcess(_PROGRAM)) as child:
        workbook.write(content)
        workbook.flush()
        try:
            for answer in child.ask({"path": workbook.name, "sheets": wanted}, limits):
                file.write(json.dumps(answer) + "\n")
        except ChildError as error:
            if error.kind == "failed":
                raise
            hint = ". It is built to be too much, or has a cell far outside its table. Get the file again."
            raise BadSource(error.reason if error.kind == "damaged" else f"the workbook {error.reason}{hint}") from None
    partial.rename(cells)
