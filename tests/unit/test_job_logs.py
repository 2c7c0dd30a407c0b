"""What a child says reaches its parent under the job that said it, and the oldest goes first."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from clerk.settings import settings
from clerk_tasks import logs
from clerk_tasks.ledger.attempt_logs import Line
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker.attempt_log import AttemptLog
from clerk_tasks.worker.child_stream import LONGEST_LINE, ChildStream
from clerk_tasks.worker.children import Child, Children, Work
from clerk_tasks.worker.job_logs import JobLogs

AT = datetime(2026, 1, 2, tzinfo=UTC)
linux = pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux names an open pipe")


def claim(job_id: str) -> Claim:
    return Claim(job_id, 1, "i", 1, "run-1", 1, "greet", "a.ca", "{}", 2, 1.0, 1.0)


def said(stream: ChildStream, data: bytes, moment: float = 0.0, **options: Any) -> list[tuple[str, str]]:
    stream.add(data, moment, most=1 << 20)
    dropped, lines = stream.lines(moment, **{"most": 1000, "over": False} | options)
    assert dropped == 0
    return [(line.level, line.text) for line in lines]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"one\ntwo\n", [("OUTPUT", "one"), ("OUTPUT", "two")]),
        (b"\x1eINFO\x1flogged\n", [("INFO", "logged")]),
        (b"half\x1eINFO\x1flogged\n", [("OUTPUT", "half"), ("INFO", "logged")]),
        (b"\x1enot a level\n", [("OUTPUT", "not a level")]),
        (b"\x1eOUTPUT\x1fforged\n", [("OUTPUT", "OUTPUT\x1fforged")]),
        (b" 10%\r 50%\r100%\r\n", [("OUTPUT", "100%")]),
        (b"\xff\x00 password=hush1234\n", [("OUTPUT", "\ufffd? password=***")]),
        (b"\n", [("OUTPUT", "")]),
    ],
)
def test_output_and_log_lines_differ(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert said(ChildStream(0), data) == expected


def test_a_line_without_an_end_waits_for_it() -> None:
    stream = ChildStream(0)
    assert said(stream, b"ha", 0.0) == []
    assert said(stream, b"lf\nnext", 0.5) == [("OUTPUT", "half")]
    assert stream.due == pytest.approx(1.5)
    assert stream.lines(1.6, most=10, over=False)[1][0].text == "next"
    assert said(stream, b"the end", 2.0, over=True) == [("OUTPUT", "the end")]
    assert stream.due is None


def test_a_line_without_an_end_is_cut() -> None:
    lines = said(ChildStream(0), b"x" * (2 * LONGEST_LINE + 5))
    assert [len(text) for _, text in lines] == [LONGEST_LINE] * 2


def test_what_is_too_much_at_once_is_counted() -> None:
    stream = ChildStream(0)
    for number in range(10):
        stream.add(b"%d\n" % number * 10, 0.0, most=60)
    dropped, lines = stream.lines(0.0, most=5, over=False)
    assert dropped + len(lines) == 100
    assert [line.text for line in lines] == ["9"] * 5


def write_all(log: AttemptLog, ledger: dict[int, list[str]]) -> None:
    """Write a batch as the ledger does."""
    batch = log.batch()
    assert batch is not None
    ledger.update({part.first_line: [line.text for line in part.lines] for part in batch.parts})
    for first in [first for first in ledger if batch.keep is not None and first < batch.keep]:
        del ledger[first]
    log.written(batch)


def test_a_log_keeps_its_newest_lines_without_a_gap() -> None:
    log, ledger, total = AttemptLog(Work("j", 1), 2000), dict[int, list[str]](), 0
    for dropped, count in ((0, 3), (0, 200), (0, 1), (50, 4), (0, 30), (0, 30)):
        log.add(dropped, [Line(AT, "INFO", f"{total + dropped + n}") for n in range(count)])
        total += dropped + count
        if count != 200:
            write_all(log, ledger)
            numbers = [int(text) for first in sorted(ledger) for text in ledger[first]]
            assert numbers == list(range(min(ledger), total))
            assert len(numbers) * 40 <= 2200
    assert min(ledger) > 250


def test_lines_that_the_database_did_not_take_are_written_again() -> None:
    log, ledger = AttemptLog(Work("j", 1), 2000), dict[int, list[str]]()
    log.add(0, [Line(AT, "INFO", "a")])
    assert log.batch() is not None  # not written
    log.add(0, [Line(AT, "INFO", "b")])
    write_all(log, ledger)
    assert ledger == {0: ["a", "b"]}
    assert log.batch() is None


@pytest.fixture
def children() -> Iterator[Children]:
    """The memory that a parent shares with its children."""
    made = Children()
    yield made
    made.close()


@linux
def test_no_job_is_over_before_what_it_said_was_read(children: Children, caplog: pytest.LogCaptureFixture) -> None:
    """Guard: `_wait_until_read` in end_job. The parent would take what A said for B's."""
    caplog.set_level(logging.INFO)
    parent = JobLogs(children, limit=0)
    parent.open(1)
    reader = threading.Thread(target=parent.read, daemon=True)
    child = Child(children.path, 0)
    assert child.output is not None
    reader.start()
    for number in range(200):
        child.works_on(claim(f"job-{number}"))
        child.output.write(b"said by %d\n" % number)
        child.rest()
    parent.close()
    reader.join(10)
    shown = [(record.job_id, record.getMessage()) for record in caplog.records if hasattr(record, "job_id")]
    assert shown == [(f"job-{number}", f"said by {number}") for number in range(200)]


@linux
def test_a_slice_begins_once_what_was_said_before_is_read(children: Children, caplog: pytest.LogCaptureFixture) -> None:
    """Guard: begin_slice. The first job would get what was said between two slices."""
    caplog.set_level(logging.INFO)
    parent = JobLogs(children, limit=0)
    parent.open(1)
    child = Child(children.path, 0)
    assert child.output is not None
    child.output.write(b"said between\n")
    later = threading.Timer(0.05, parent.read)
    later.daemon = True
    later.start()
    child.in_slice(True)
    child.works_on(claim("job-1"))
    child.output.write(b"said by the job\n")
    child.rest()
    parent.close()
    later.join(10)
    of = {record.getMessage(): getattr(record, "job_id", None) for record in caplog.records}
    assert (of.get("said between"), of["said by the job"]) == (None, "job-1")


@linux
def test_a_child_waits_for_the_pipe_of_a_pool_that_grows(children: Children) -> None:
    parent = JobLogs(children, limit=0)
    growing = threading.Timer(0.05, parent.open, (3,))
    growing.start()
    child = Child(children.path, 2)
    growing.join()
    assert child.output is not None


def test_a_child_whose_parent_takes_no_output_has_none(children: Children) -> None:
    assert Child(children.path, 0).output is None


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    """Undo what a worker does to this process's log."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logs.set_subject(None)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    pool = logging.getLogger("multiprocessing")
    pool.handlers, pool.propagate = [], True


@pytest.mark.usefixtures("_logging_restored")
def test_each_line_of_a_job_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.set_subject(logs.Subject("job-1", 2, "a.ca", "run-1"))
    logging.getLogger("x").info("said\nthis")
    logging.getLogger("multiprocessing").error("a child died")
    logs.set_subject(None)
    logging.getLogger("x").info("between")
    logging.getLogger("x").info("by the parent", extra=logs.about(claim("job-2")))
    lines = [line.split(" INFO    ")[-1].split(" ERROR   ")[-1] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "[job job-1 attempt 2 site a.ca run run-1] said\\nthis",
        "[job job-1 attempt 2 site a.ca run run-1] a child died",
        "between",
        "[job job-2 attempt 1 site a.ca run run-1] by the parent",
    ]


@pytest.mark.usefixtures("_logging_restored")
def test_the_log_as_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_LOG_FORMAT", "json")
    settings.discard()
    logs.configure()
    logs.set_subject(logs.Subject("job-1", 2, "a.ca", "run-1"))
    logging.getLogger("x").warning("said %s", "this", extra={"pages": 3})
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    subject = {"job_id": "job-1", "attempt": 2, "subdomain": "a.ca", "run_id": "run-1"}
    assert line.items() >= (subject | {"level": "WARNING", "message": "said this", "pages": 3}).items()


@pytest.mark.parametrize("created", [1_790_000_000.001, 1_790_000_000.999, 1_790_000_001.5, 1_790_003_600.0])
def test_a_line_has_the_time_that_logging_gives_it(created: float) -> None:
    """The formatter keeps the text of a second for the lines after it."""
    formatter = logs.LogLines("%(asctime)s %(message)s")
    for moment in (1_790_000_000.5, created):
        record = logging.makeLogRecord({"created": moment, "msecs": moment % 1 * 1000, "msg": "text"})
        assert formatter.format(record) == f"{logging.Formatter().formatTime(record)} text"
