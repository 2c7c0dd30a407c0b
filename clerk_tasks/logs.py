"""What workers and beat write: one line per event, on stderr, with the job's own words rather than Celery's."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clerk.errors import ClerkError
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


class Redacting(logging.Formatter):
    """A formatter that keeps secrets out, and shows control characters as escapes; in tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback indented below it: what strangers wrote begins no line."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message in one line; what a fetcher says begins with its site."""
        subdomain = getattr(record, "subdomain", None) if record.name == FETCHERS else None
        if subdomain:
            record.message = f"{subdomain}: {record.message}"
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return a traceback, indented."""
        return visible_lines(f"  {super().formatException(ei)}", indent="  ")

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """Return a stack, indented."""
        return visible_lines(f"  {stack_info}", indent="  ")


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
    handler = logging.StreamHandler()
    handler.setFormatter(Redacting(_FORMAT))
    logging.basicConfig(level=loglevel or logging.INFO, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.request").addFilter(_is_news)
