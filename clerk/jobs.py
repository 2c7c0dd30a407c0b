"""What a plugin author works with: the job type, the running job, and the ways a job can end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from clerk.errors import ClerkError, UsageError
from clerk.fsync import flush, flush_tree, switch_folder

#: Where plain functions go, and how they are treated, when the author asks for nothing else.
DEFAULT_QUEUE = "default"
#: The longest time limit that a job may have, in seconds.
LONGEST_TIME_LIMIT = 30 * 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: `base` seconds, doubled each time up to `cap`, with jitter."""

    base: float = 15.0
    cap: float = 3600.0


_PERIODS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0}
_RATE = re.compile(r"(\d{1,9})/(\w+)")


def parse_rate(text: str) -> tuple[int, float]:
    """Return the jobs and the seconds of a rate such as `30/min`; ValueError for anything else."""
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[2] not in _PERIODS or int(found[1]) == 0:
        raise ValueError(f"{text!r} is no rate: write 5/s, 30/min, 1000/hour or 5000/day")
    return int(found[1]), _PERIODS[found[2]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """How many jobs of a type run at once, and how many begin in a second, minute, hour or day, over all workers.

    `key` is a template as that of `JobType.unique`: each text that it gives is limited by itself, so that
    `"{subdomain}"` means so many jobs of each site. Operators can set other numbers (`clerk-tasks limits set`).
    """

    concurrency: int | None = None
    rate: str | None = None
    key: str = ""


class JobFunction(Protocol):
    """What a job type calls: the site's subdomain comes first, `run_id` and the arguments are passed by name."""

    def __call__(self, subdomain: str, /, *args: Any, **kwargs: Any) -> Any:
        """Do the work of one job."""

    def __hash__(self) -> int:
        """Return a hash, as every function has one."""


@dataclass(frozen=True, slots=True)
class JobType:
    """A named kind of work: a function, the queue it runs on, and how it is retried.

    `function` is called as `function(subdomain, run_id=..., **arguments)`.
    `time_limit` is in seconds; a job that runs longer is killed and counts as a failed attempt.
    `unique` allows one unfinished job per key: True means one per site, text is a template over
    `{job_type}`, `{subdomain}` and the arguments' names, such as `"finance:{subdomain}"`.
    `limit` is how many run at once or begin in a time; the others wait, and hold up no other job.
    `replaces` lets a plugin take the place of a built-in job type of the same name.
    """

    function: JobFunction
    queue: str = field(default=DEFAULT_QUEUE, kw_only=True)
    max_attempts: int = field(default=3, kw_only=True)
    time_limit: float = field(default=3600.0, kw_only=True)
    backoff: Backoff = field(default_factory=Backoff, kw_only=True)
    unique: bool | str = field(default=False, kw_only=True)
    replaces: bool = field(default=False, kw_only=True)
    limit: Limit | None = field(default=None, kw_only=True)


class Retry(ClerkError):
    """Raised by a job function: this attempt failed; try again after `after` seconds, or by the backoff if None.

    A week is the longest wait.
    """

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Snooze(ClerkError):
    """Raised by a job function: it is too early; run the job again in `seconds`, and do not count this attempt.

    A week is the longest wait. Raises ValueError or TypeError if `seconds` is no number, or is negative.
    """

    def __init__(self, seconds: float, reason: str = "it asked to run later") -> None:
        super().__init__(reason)
        self.seconds = float(seconds)
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"Snooze: {seconds} is no number of seconds to wait")


class Discard(ClerkError):
    """Raised by a job function: no further attempt would help; make it a dead letter."""


class Cancel(ClerkError):
    """Raised by a job function, or by `checkpoint()`: stop, the work is no longer wanted."""


class Fenced(ClerkError):
    """This attempt no longer owns the job: whatever it was about to do must not be done."""


class Priority(IntEnum):
    """How urgent a job is within its queue; the smaller, the sooner, whatever the broker's own direction."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that is asked for: by a batch, a schedule, or a running job that wants children.

    `stage` names a later stage of the parent's run, None its own; only children have a choice.
    """

    job_type: str
    subdomain: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = field(default=Priority.NORMAL, kw_only=True)
    stage: str | None = field(default=None, kw_only=True)


class JobContext:
    """The running job, as its function sees it; the base class is what a function called by hand gets."""

    job_id = "by-hand"
    run_id = "by-hand"
    attempt = 1
    max_attempts = 1

    def __init__(self) -> None:
        self.children: list[JobRequest] = []
        self._gathered: dict[Path, Path] | None = None

    def checkpoint(self) -> None:
        """Raise Cancel if the job was cancelled, Fenced if another attempt owns it; call it in long loops."""

    def _check_owned(self) -> None:
        """Raise Fenced if another attempt owns the job."""

    def progress(self, message: str) -> None:
        """Say, for `jobs show` and `--wait`, what the job is doing right now."""

    def check_host(self, host: str) -> None:
        """Raise Snooze while an operator has paused requests to a host; what fetches calls it before each request."""

    @contextmanager
    def visiting(self, host: str, pause: float) -> Iterator[None]:
        """Be the only job that visits a host during a with block, and leave the host alone for `pause` seconds then.

        What fetches has each request in one. Raises Snooze if other jobs visit the host for too long.
        """
        yield

    def wait(self, seconds: float) -> None:
        """Wait, as what fetches does between two requests and before another attempt; in a test nothing waits."""
        time.sleep(seconds)

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Keep the job this attempt's for the length of a with block, for one quick last step.

        Others wait meanwhile, so PostgreSQL ends a block that takes longer than CLERK_LEASE. Raises Fenced if another
        attempt owns the job already, Cancel if it was cancelled. Nothing can be enqueued inside: it would wait for us.
        """
        yield

    def commit_files(self, files: Mapping[Path, Path]) -> None:
        """Put finished files in place, {temporary: final}, each atomically, if this attempt still owns the job.

        Every temporary file must be on the same file system as its final path. Raises Fenced, and moves
        nothing, when another attempt has taken over. That is asked again before each file, on the connection that
        holds the lock: a process that stood still past its lease changes the file in hand at the most.
        """
        flush(*files)
        for final in files.values():
            final.parent.mkdir(parents=True, exist_ok=True)
        with self.fence():
            for place, (temporary, final) in enumerate(files.items()):
                if place:
                    self._check_owned()
                temporary.replace(final)
        flush(*{final.parent for final in files.values()})

    def commit_folder(self, temporary: Path, final: Path) -> None:
        """Put a finished folder in place of another, all of it at once, if this attempt still owns the job.

        Both must be on the same file system; what was in `final` goes. Raises Fenced, and changes nothing, when another
        attempt has taken over. For many files it is faster than `commit_files`, and readers never see a mixture.
        """
        flush_tree(temporary)
        final.parent.mkdir(parents=True, exist_ok=True)
        with self.fence():
            switch_folder(temporary, final)
        flush(final.parent)

    def commit_with_job(self, files: Mapping[Path, Path]) -> None:
        """Put finished files in place as `commit_files` does: now, or with the others of the job if it gathers them."""
        if self._gathered is None:
            self.commit_files(files)
        else:
            self._gathered |= files

    @contextmanager
    def gathered_files(self) -> Iterator[dict[Path, Path]]:
        """Gather what `commit_with_job` is given in a with block, for the block to put in place in one fence."""
        files: dict[Path, Path] = {}
        self._gathered = files
        try:
            yield files
        finally:
            self._gathered = None
            for temporary in files:
                temporary.unlink(missing_ok=True)

    def spawn(self, job_type: str, subdomain: str, *, stage: str | None = None, **arguments: Any) -> None:
        """Ask for another job of this run, in this stage or a later one; it exists once this job completes."""
        self.children.append(JobRequest(job_type, subdomain, arguments, stage=stage))

    def spawn_now(self, job_type: str, subdomain: str, *, stage: str | None = None, **arguments: Any) -> None:
        """Ask for another job as `spawn` does, that may begin while this one goes on, before its stage has opened.

        It exists within a second of this call or a later one, or once this job completes. Its stage ends no sooner than
        otherwise. An attempt that follows a failed one may ask for it again: its job type should be unique. Raises
        Discard if `stage` is neither the job's own nor the next of the run: none between them may be passed over.
        """
        self.spawn(job_type, subdomain, stage=stage, **arguments)


_current: ContextVar[JobContext | None] = ContextVar("clerk_current_job", default=None)
_importing: ContextVar[bool] = ContextVar("clerk_importing", default=False)
#: The jobs that this process runs: one in a worker's child, whose threads have no context of their own.
_of_process: list[JobContext] = []


def current_job() -> JobContext:
    """Return the job that is running, in its threads too; without one, a context of a function called by hand.

    Raises UsageError while a plugin's module is imported: no job would be meant.
    """
    found = _current.get() or (_of_process[-1] if _of_process else None)
    if found is None and _importing.get():
        raise UsageError("current_job() is called while the module is imported: call it inside the job function")
    return found or JobContext()


@contextmanager
def importing() -> Iterator[None]:
    """Say for the length of a with block that a plugin's module is imported."""
    token = _importing.set(True)
    try:
        yield
    finally:
        _importing.reset(token)


@contextmanager
def running(context: JobContext) -> Iterator[JobContext]:
    """Make `context` the current job for the length of a with block."""
    token = _current.set(context)
    _of_process.append(context)
    try:
        yield context
    finally:
        _of_process.remove(context)
        _current.reset(token)
