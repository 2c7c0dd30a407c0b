"""Run one job in this process, for its author: the function is called as a worker calls it, and nothing is recorded."""

from __future__ import annotations

import json
import shlex
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from clerk.database.transactions import own_transactions, reading
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Cancel, Discard, JobContext, JobRequest, Retry, Snooze, running
from clerk.redaction import redact
from clerk.run_ids import generate_run_id
from clerk_tasks.job_types.arguments import call_arguments
from clerk_tasks.job_types.registry import registry
from clerk_tasks.recording import new_job, require_free, require_site
from clerk_tasks.worker.host_visits import HostVisits
from clerk_tasks.worker.outcomes import check_has_run, completed, describe

_ENDS = {Retry: "asks to be retried", Snooze: "asks to run later", Discard: "is discarded", Cancel: "is cancelled"}


@dataclass(frozen=True, slots=True)
class RunHere:
    """What became of a job that was run here; `error` is one line, and `raised` what the function raised."""

    seconds: float
    result: Any = None
    note: str | None = None
    children: Sequence[JobRequest] = ()
    error: str | None = None
    raised: BaseException | None = None

    @property
    def traceback(self) -> str:
        """The traceback from the function on, without secrets."""
        if self.raised is None:
            return ""
        lines = traceback.TracebackException.from_exception(self.raised)
        while lines.stack and lines.stack[0].filename == __file__:
            lines.stack.pop(0)
        return redact("".join(lines.format()))


class HereContext(JobContext):
    """The job as its function sees it: it is polite to hosts as any job is, and its files are put in place."""

    def __init__(self, say: Callable[[str], None], run_id: str) -> None:
        super().__init__()
        self.job_id, self.run_id = f"here-{uuid4()}", run_id
        self._say = say
        self._visits = HostVisits(self.job_id, own_transactions(), _unless_away)

    def progress(self, message: str) -> None:
        """Say it at once."""
        self._say(message)

    def check_host(self, host: str) -> None:
        """Raise Snooze while an operator has paused requests to a host."""
        self._visits.check(host)

    @contextmanager
    def visiting(self, host: str, pause: float) -> Iterator[None]:
        """Be the only job that visits a host during a with block, and leave the host alone for `pause` seconds then."""
        with self._visits.visiting(host, pause):
            yield


@contextmanager
def _unless_away() -> Iterator[None]:
    with suppress(DatabaseUnavailable):
        yield


def run_here(job_type: str, subdomain: str, arguments: Mapping[str, Any], *, say: Callable[[str], None]) -> RunHere:
    """Call the function of a job type; `say` hears its progress. Its children are returned, and not enqueued.

    Raises what `enqueue_job` raises, ConflictError too while an unfinished job has the same unique key.
    """
    known = registry()
    job = new_job(JobRequest(job_type, subdomain, arguments), known)
    with reading() as connection:
        require_site(connection, job.subdomain)
        require_free(connection, job)
    function = known.get(job_type).job_type.function
    context = HereContext(say, generate_run_id(job.subdomain))
    restored = call_arguments(function, context.run_id, job.arguments)
    began = time.monotonic()
    try:
        with running(context):
            value = function(job.subdomain, **restored)
        check_has_run(value)
        end = completed(value, [new_job(child, known) for child in context.children])
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        why = next((words for kind, words in _ENDS.items() if isinstance(error, kind)), None)
        line = f"it {why}: {describe(error, plain=True)}" if why else describe(error)
        return RunHere(time.monotonic() - began, children=context.children, error=line, raised=error)
    return RunHere(time.monotonic() - began, end.result, end.lost, context.children)


def command_of(child: JobRequest) -> str:
    """Return the command that enqueues a child."""
    words = ["clerk-tasks", "enqueue", child.job_type, child.subdomain]
    for name, value in child.arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        words += ["--arg", f"{name}={text}"]
    return shlex.join(words)
