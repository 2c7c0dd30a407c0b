"""The cells of a workbook, read by a child process: one that is too much for it is a bad file, not our end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from clerk.child_process import MIB, ChildError, ChildLimits, ChildProcess, Message
from plugins.election_finance.cleaning import Cell
from plugins.election_finance.errors import BadSource

#: A row as read: its number as a spreadsheet shows it, and its cells.
NumberedRow = tuple[int, list[Cell]]

#: A sheet of 100 000 full rows takes a third of that, and ten seconds.
LIMITS = ChildLimits(seconds=300, answer_seconds=300, memory=2048 * MIB, output=256 * MIB)


class Sheets:
    """A workbook: `names` of all its sheets, and the rows of those that were asked for."""

    def __init__(self, answers: Iterator[Message]) -> None:
        self._answers = answers
        self.names: list[str] = next(answers)["names"]

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows, blank ones left out, of the next sheet that was asked for and is there."""
        while "end" not in (answer := next(self._answers)):
            yield from answer["rows"]


@contextmanager
def opened(content: bytes, wanted: Sequence[str], limits: ChildLimits = LIMITS) -> Iterator[Sheets]:
    """Read the sheets of `wanted`; BadSource where the workbook is damaged, or takes more than the limits allow."""
    program = str(Path(__file__).with_name("workbook_process.py"))
    with NamedTemporaryFile() as file, closing(ChildProcess(program)) as child:
        file.write(content)
        file.flush()
        try:
            yield Sheets(child.ask({"path": file.name, "sheets": wanted}, limits))
        except ChildError as error:
            if error.kind == "failed":
                raise
            hint = ". It is built to be too much, or has a cell far outside its table. Get the file again."
            raise BadSource(error.reason if error.kind == "damaged" else f"the workbook {error.reason}{hint}") from None
