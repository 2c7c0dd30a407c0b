"""What workers and beat write: one line per event, on stderr, with the job's own words rather than Celery's.

Each line of a job says which: its id, the attempt, the site and the run.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from clerk.errors import ClerkError
from clerk.output import JsonFormatter
from clerk.redaction import redact
from clerk.visible import visible, visible_lines

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"

#: The loggers of our own modules.
OURS = ("clerk", "clerk_tasks")
#: The logger of `clerk.output`.
FETCHERS = "clerk.plugin"
#: Loggers of message delivery, which says nothing about the job's outcome; billiard's is the last.
CHATTY = (
    "celery.app.trace",
    "celery.worker.strategy",
    "celery.worker.request",
    "celery.pool",
    "httpx",
    "multiprocessing",
)


class Subject(NamedTuple):
    """The attempt that a line of the log is about."""

    job_id: str
    attempt: int
    subdomain: str
    run_id: str


_subject: Subject | None = None


def set_subject(subject: Subject | None) -> None:
    """Say what the lines of this process are about from now on, in all its threads."""
    global _subject
    _subject = subject


def about(claim: Any) -> dict[str, Any]:
    """Return the `extra` of a line about an attempt of a job that another process runs: a Claim or a Subject."""
    return {name: getattr(claim, name) for name in ("job_id", "attempt", "subdomain", "run_id")}


def _add_subject(record: logging.LogRecord) -> bool:
    """Add the fields of the subject to a line; the site that a line names itself is kept."""
    if _subject is not None and not hasattr(record, "attempt"):
        site = getattr(record, "subdomain", None)
        record.__dict__.update(_subject._asdict())
        record.subdomain = site or _subject.subdomain
    return True


class Redacting(logging.Formatter):
    """A formatter that keeps secrets out, and shows control characters as escapes; in tracebacks too."""

    _second, _shown = -1, ""  # the last second of a line, and how it is shown

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the time of a line; the hundreds of lines of one second share all but the milliseconds."""
        if datefmt:
            return super().formatTime(record, datefmt)
        second = int(record.created)
        if second != self._second:
            self._second, self._shown = second, super().formatTime(record, "%Y-%m-%d %H:%M:%S")
        return f"{self._shown},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback indented below it: what strangers wrote begins no line."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message in one line."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return a traceback, indented."""
        return visible_lines(f"  {super().formatException(ei)}", indent="  ")

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """Return a stack, indented."""
        return visible_lines(f"  {stack_info}", indent="  ")


class LogLines(Redacting):
    """A formatter of the worker's own log: a line of a job begins with its subject, a fetcher's with its site."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the message in one line."""
        subdomain = getattr(record, "subdomain", None)
        if hasattr(record, "attempt"):
            of = f"job {record.job_id} attempt {record.attempt} site {subdomain} run {record.run_id}"  # type: ignore[attr-defined]
            record.message = f"[{of}] {record.message}"
        elif subdomain and record.name == FETCHERS:
            record.message = f"{subdomain}: {record.message}"
        return super().formatMessage(record)


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a line of Celery's says more than that a process was lost: the keeper says that, and whose."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ != "WorkerLostError"


@contextmanager
def last_words() -> Iterator[None]:
    """End the program with our error: Celery only logs what the receivers of its signals raise, and goes on."""
    try:
        yield
    except ClerkError as error:
        sys.stderr.write(f"error: {visible(redact(str(error)))}\n")
        raise SystemExit(error.exit_code) from error


def configure(loglevel: int | str = logging.INFO, **_: Any) -> None:
    """Configure logging in a worker's parent, its children, and beat."""
    for name in OURS:
        logging.getLogger(name).handlers.clear()  # the command line's: what they say would be said twice
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")  # a letter that the encoding lacks costs no line
    logging.basicConfig(level=loglevel or logging.INFO, force=True)
    _use(_handler(sys.stderr))
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.request").addFilter(_is_news)


def _handler(stream: IO[str] | None) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    from clerk.settings import settings  # `--help` needs none, and they take long to import

    handler.setFormatter(JsonFormatter() if settings().log_format == "json" else LogLines(_FORMAT))
    handler.addFilter(_add_subject)
    return handler


def write_to(stream: IO[str], also: logging.Handler) -> None:
    """Write this process's log to another stream from now on, and give each line to one more handler."""
    also.setFormatter(Redacting("%(message)s"))
    _use(_handler(stream), also)


def _use(*handlers: logging.Handler) -> None:
    """Give each line to these handlers, and no others; billiard keeps its lines from the root logger."""
    pool = logging.getLogger(CHATTY[-1])
    pool.propagate = False
    logging.root.handlers[:] = handlers
    pool.handlers[:] = handlers
