"""What fetchers and older plugins say while they work: one line to the log, with what it is about as fields."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from clerk.redaction import redact
from clerk.visible import visible, visible_json

__all__ = ["ClerkLogger", "JsonFormatter", "configure", "configure_logging", "log", "logger"]

_stdlib = logging.getLogger("clerk.plugin")

#: The defaults of every line, as `configure` set them.
_defaults: dict[str, Any] = {"quiet": False, "subdomain": None}

#: Field names that the standard library keeps to itself; ours get a prefix.
_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure(quiet: bool = False, subdomain: str | None = None) -> None:
    """Set this process's defaults: whether lines are echoed on stderr, and which site they are about."""
    _defaults.update(quiet=quiet, subdomain=subdomain)


class ClerkLogger:
    """Writes lines about one site and job; the attributes may be changed, and None says nothing."""

    def __init__(
        self,
        subdomain: str | None = None,
        job_id: str | None = None,
        stage: str | None = None,
        run_id: str | None = None,
        backend: str | None = None,
    ) -> None:
        self.subdomain, self.job_id, self.stage, self.run_id, self.backend = subdomain, job_id, stage, run_id, backend
        self.meeting: str | None = None
        self.date: str | None = None

    def log(self, message: str, level: str = "info", parent_job_id: str | None = None, **fields: Any) -> None:
        """Write one line; an unknown level is info, and a field that is None is left out.

        The site is a field of the line, and its prefix where the line is echoed to a person.
        """
        subdomain = self.subdomain or _defaults["subdomain"]
        known = {**vars(self), "subdomain": subdomain, "parent_job_id": parent_job_id, **fields}
        extra = {_field(name): value for name, value in known.items() if value is not None}
        _stdlib.log(logging.getLevelNamesMapping().get(str(level).upper(), logging.INFO), "%s", message, extra=extra)
        if not _defaults["quiet"] and not _stdlib.hasHandlers():  # logging is not set up: a program run by hand
            text = f"{subdomain}: {message}" if subdomain else str(message)
            print(visible(redact(text)), file=sys.stderr)  # noqa: T201


#: The logger for code that has no logger of its own.
logger = ClerkLogger()


def log(message: str, level: str = "info", **fields: Any) -> None:
    """Write one line that belongs to no job."""
    logger.log(message, level=level, **fields)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: timestamp, level, logger, message, and the fields of the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets."""
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _RESERVED and name[0] != "_"},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(visible_json(line, indent=None))


def configure_logging(level: int | str = logging.INFO) -> None:
    """Send this process's log to stderr as JSON lines, for a program that log collectors read."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _field(name: str) -> str:
    name = {"date": "meeting_date"}.get(name, name)
    return f"field_{name}" if name in _RESERVED else name
