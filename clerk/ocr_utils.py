"""What fetchers of the RQ-based clerk use to read documents themselves: errors by kind, retries, failures."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from xml.etree.ElementTree import ParseError

import httpx
from tenacity import RetryCallState, retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from clerk.output import log, logger
from clerk.text import DocumentError

__all__ = [
    "CRITICAL_ERRORS",
    "PERMANENT_ERRORS",
    "TRANSIENT_ERRORS",
    "FailureManifest",
    "JobState",
    "PdfReadError",
    "logger",
    "print_progress",
    "retry_on_transient",
]

Function = TypeVar("Function", bound=Callable[..., Any])

#: What pypdf raises, for fetchers that use it; without it, what our own reader raises.
PdfReadError: type[Exception] = (
    importlib.import_module("pypdf.errors").PdfReadError if importlib.util.find_spec("pypdf") else DocumentError
)

#: Errors that another attempt may not meet.
TRANSIENT_ERRORS = (
    *(httpx.ConnectTimeout, httpx.ReadTimeout, httpx.RemoteProtocolError),
    *(BlockingIOError, ChildProcessError, InterruptedError),
)
#: Errors that a document causes whenever it is read.
PERMANENT_ERRORS = (PdfReadError, subprocess.CalledProcessError, ParseError)
#: Errors that no document is to blame for.
CRITICAL_ERRORS = (FileNotFoundError, PermissionError, ImportError)


@dataclass
class ReadingProgress:
    """How far the reading of some documents is; `start_time` in seconds since 1970."""

    job_id: str
    total_documents: int
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    start_time: float = field(default_factory=time.time)
    current_document: str | None = None

    @property
    def _done(self) -> int:
        return self.completed + self.failed + self.skipped

    def progress_pct(self) -> float:
        """Return the percentage that is done; 0 without documents."""
        return 100 * self._done / self.total_documents if self.total_documents else 0.0

    def eta_seconds(self) -> float | None:
        """Return the seconds that the rest will take; None before the first document is done."""
        if not self._done or not self.total_documents:
            return None
        return max(0.0, (time.time() - self.start_time) / self._done * (self.total_documents - self._done))


JobState = ReadingProgress


class FailureManifest:
    """Appends failures to a file, a JSON object a line."""

    def __init__(self, manifest_path: str | Path) -> None:
        self.path = manifest_path
        self.file = Path(manifest_path).open("a", encoding="utf-8")  # noqa: SIM115 - closed by `close`

    def __enter__(self) -> FailureManifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record_failure(
        self,
        job_id: str,
        document_path: str,
        meeting: str,
        date: str,
        error_type: str,
        error_class: str,
        error_message: str,
        retry_count: int,
    ) -> None:
        """Append one failure; `error_type` is "transient", "permanent" or "critical"."""
        facts = {name: value for name, value in locals().items() if name != "self"}
        self.file.write(json.dumps(facts | {"failed_at": datetime.now(UTC).isoformat()}) + "\n")
        self.file.flush()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def retry_on_transient(max_attempts: int = 3, delay_seconds: float = 2) -> Callable[[Function], Function]:
    """Return a decorator that calls a function again after one of TRANSIENT_ERRORS, which the last attempt raises."""

    def say(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        text = f"attempt {state.attempt_number} of {max_attempts} failed, trying again in {delay_seconds} s"
        log(f"{text}: {type(error).__name__}: {error}", level="warning", subdomain=state.kwargs.get("subdomain"))

    decorator = retry(
        retry=retry_if_exception_type(TRANSIENT_ERRORS),
        stop=stop_after_attempt(max_attempts),
        wait=wait_fixed(delay_seconds),
        before_sleep=say,
        reraise=True,
    )
    return cast("Callable[[Function], Function]", decorator)


def print_progress(state: ReadingProgress, subdomain: str) -> None:
    """Log how far the reading of a site's documents is."""
    left = state.eta_seconds()
    rest = f", {left:.0f} s left" if left is not None else ""
    done = state.completed + state.failed + state.skipped
    text = f"{done} of {state.total_documents} documents ({state.progress_pct():.1f}%), {state.failed} failed{rest}"
    log(text, subdomain=subdomain)
