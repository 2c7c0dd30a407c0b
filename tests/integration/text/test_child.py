"""A document can break the process that reads it, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

import clerk.text.reader
from clerk.child_process import ChildError, ChildLimits, ChildProcess
from clerk.text import DocumentError, Page, Reader, ReadingLimits
from devtools.pdfs import MINUTES, Pdf, photographed
from devtools.processes import wait_for
from tests.integration.text.conftest import SaveAs, readers_of

pytestmark = pytest.mark.slow

GOOD = Pdf().text(*MINUTES).made()


def slow() -> bytes:
    """Return a document whose first page takes no time, and whose second takes some."""
    picture = photographed(Pdf().text(*MINUTES).made())
    return Pdf().text(*MINUTES).picture(*picture).text(*MINUTES).made()


def end(number: int) -> Callable[[Page], None]:
    """End the one reading process by a signal as soon as the first page comes."""
    return lambda page: os.kill(readers_of()[0].pid, number) if page.number == 1 else None


def test_one_process_reads_many_documents(saved: SaveAs, reader: Reader) -> None:
    reader.read(saved(GOOD))
    first = readers_of()
    reader.read(saved(GOOD))
    assert readers_of() == first
    assert len(first) == 1


def test_the_process_is_replaced_in_time(saved: SaveAs, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk.text.reader, "SERVES", 2)
    seen: list[int] = []
    for _ in range(4):
        reader.read(saved(GOOD))
        seen.extend(child.pid for child in readers_of())
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_a_crash_fails_the_document_and_keeps_the_pages_before(saved: SaveAs, reader: Reader) -> None:
    with pytest.raises(DocumentError, match=r"page 2 crashed the process that read it \(SIGSEGV\)") as caught:
        # The limit is high because this process may be fat, and its peak counts as that of the one that it starts.
        reader.read(saved(slow()), limits=ReadingLimits(memory=32 << 30), on_page=end(signal.SIGSEGV))
    assert (caught.value.kind, caught.value.page, caught.value.permanent) == ("crash", 2, False)
    assert [page.number for page in caught.value.pages] == [1]
    assert reader.read(saved(GOOD)).pages[0].how == "layer"


def test_a_crash_of_a_used_process_is_not_the_documents_fault(saved: SaveAs, reader: Reader) -> None:
    reader.read(saved(GOOD))
    pages = reader.read(saved(slow()), on_page=end(signal.SIGABRT)).pages
    assert [(page.number, page.how) for page in pages] == [(1, "layer"), (2, "ocr"), (3, "layer")]


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (ReadingLimits(answer_seconds=0.01), "took longer than 0.01 s"),
        (ReadingLimits(seconds=0.01), "was not read within 0.01 s"),
    ],
    ids=["page", "document"],
)
def test_what_takes_too_long_is_ended(saved: SaveAs, reader: Reader, limits: ReadingLimits, says: str) -> None:
    with pytest.raises(DocumentError, match=says) as caught:
        reader.read(saved(slow()), limits=limits)
    assert (caught.value.kind, caught.value.permanent) == ("timeout", False)
    assert readers_of() == []
    assert len(reader.read(saved(GOOD)).pages) == 1


def test_what_takes_too_much_memory_is_ended(saved: SaveAs, reader: Reader) -> None:
    bomb = Pdf().page(b"0 0 5 5 re f\n" * 4_000_000).made()
    with pytest.raises(DocumentError, match="page 1 needs more memory than the limit of 250 MiB") as caught:
        reader.read(saved(bomb), limits=ReadingLimits(memory=250 << 20))
    assert caught.value.kind == "memory"
    assert len(reader.read(saved(GOOD)).pages) == 1


def test_who_stops_listening_gets_a_reader_that_still_works(saved: SaveAs, reader: Reader) -> None:
    def cancelled(_: Page) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reader.read(saved(slow()), on_page=cancelled)
    assert [page.text for page in reader.read(saved(Pdf().text("after").made())).pages] == ["after"]


def test_the_process_ends_with_the_one_that_asked(saved: SaveAs) -> None:
    program = (
        "import pathlib, sys; from clerk.text import read_document\n"
        f"print(len(read_document(pathlib.Path({str(saved(GOOD))!r})).pages), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == b"1\n"
        (child,) = readers_of(psutil.Process(asking.pid))
        asking.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child ends")


def test_the_process_knows_no_secrets(saved: SaveAs, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://clerk:secret@localhost/civic")
    reader.read(saved(GOOD))
    (child,) = readers_of()
    environment = child.environ()
    assert environment["OMP_THREAD_LIMIT"] == "1"
    assert "secret" not in str(environment)


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_bitmaps_stay_with_the_process(saved: SaveAs, reader: Reader, tmp_path: Path) -> None:
    def faults() -> int:
        return int(Path(f"/proc/{readers_of()[0].pid}/stat").read_text().rpartition(")")[2].split()[7])

    pdf = saved(GOOD)
    reader.read(pdf, pictures=tmp_path)
    before = faults()
    for _ in range(10):
        reader.read(pdf, pictures=tmp_path)
    assert (faults() - before) / 10 < 10, "with glibc's defaults it is 50"


def test_nothing_of_the_working_directory_is_imported(saved: SaveAs, reader: Reader) -> None:
    for name in ("json.py", "pypdfium2.py", "queue.py"):
        Path(name).write_text("raise SystemExit('imported')")
    assert len(reader.read(saved(GOOD)).pages) == 1


def test_a_crash_quotes_what_the_process_last_said(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys; from clerk.child_process import serve\n"
        "def answers(request):\n"
        "    sys.stderr.write(request['says']); sys.stderr.flush()\n"
        "    yield {'pid': os.getpid()}\n"
        "    os._exit(7) if request['die'] else None\n"
        "serve(answers)\n"
    )
    with closing(ChildProcess(str(program))) as child:
        list(child.ask({"says": "of another request", "die": False}, ChildLimits()))
        with pytest.raises(ChildError) as caught:
            list(child.ask({"says": "one\n\nthe library is\nbroken\n", "die": True}, ChildLimits(memory=32 << 30)))
    assert str(caught.value) == "made the process that read it exit with code 7: one | the library is | broken"


def test_answers_have_a_limit(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("from clerk.child_process import serve\nserve(lambda _: ({'n': n} for n in range(10**9)))\n")
    with (
        closing(ChildProcess(str(program))) as child,
        pytest.raises(ChildError, match="more text than the limit of 1 MiB"),
    ):
        list(child.ask({}, ChildLimits(output=1 << 20)))
