"""The options that choose jobs: the same for `jobs list` and for every act on all that match."""

from __future__ import annotations

import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from clerk.errors import UsageError
from clerk_tasks.cli import output
from clerk_tasks.cli.options import QUEUE_NAMES, RUN_IDS, OfJobType, OfSite
from clerk_tasks.operations.bulk import BulkAct, BulkResult, run_bulk
from clerk_tasks.operations.job_filters import FilterTexts, JobFilter, parse_filter

Everything = Annotated[bool, typer.Option("--all", help="Every job that the command can take.")]


def _options(
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    job_type: OfJobType = None,
    subdomain: OfSite = None,
    run_id: Annotated[str | None, typer.Option(help="Only jobs of this run.", autocompletion=RUN_IDS)] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue.", autocompletion=QUEUE_NAMES)] = None,
    error_like: Annotated[str | None, typer.Option(metavar="TEXT", help="Only jobs whose error contains TEXT.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(metavar="CAUSE", help="Only jobs that failed for this cause, as `failures` lists it.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Option("--arg", metavar="NAME=VALUE", help="Only jobs with this argument.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only jobs recorded longer ago: 2h, 7d.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only jobs recorded in the last 2h, 7d.")
    ] = None,
) -> None:
    """Stand for the options, in the order of the help."""


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose jobs; it gets them as `chosen`."""
    hints = get_type_hints(_options, include_extras=True) | get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    options = inspect.signature(_options).parameters
    first = [name for name in own if name in ("job_ids", "to", "priority")]
    names = [*first, *options, *(name for name in own if name not in (*first, "chosen"))]

    @wraps(command)
    def wrapped(**given: Any) -> None:
        texts: Any = {name: given.pop(name) for name in options}
        command(**given, chosen=texts)

    parameters = [(own.get(name) or options[name]).replace(annotation=hints[name]) for name in names]
    keyword_only = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    wrapped.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {name: hints[name] for name in names}
    del wrapped.__wrapped__  # Typer would read the signature of the command
    return wrapped


def choose(job_ids: list[str] | None, chosen: FilterTexts, *, everything: bool) -> JobFilter | None:
    """Return the filter, or None where jobs are named; UsageError for both."""
    if not job_ids:
        return parse_filter(**chosen)
    if everything or any(chosen.values()):
        raise UsageError("Name jobs by id, or choose them by a filter, not both.")
    return None


def act_on_all(act: BulkAct, chosen: JobFilter, *, reason: str | None, everything: bool, dry_run: bool) -> BulkResult:
    """Act on all jobs that match, with progress on stderr; Ctrl-C stops it after the current transaction."""
    with _interruptible() as interrupted:
        result = run_bulk(
            act,
            chosen,
            reason=reason,
            everything=everything,
            dry_run=dry_run,
            is_stopped=interrupted.is_set,
            progress=lambda sofar: _progress(act, sofar),
        )
    for why in dict.fromkeys(result.refused):
        output.warn(why)
    return result


def _progress(act: BulkAct, sofar: BulkResult) -> None:
    looked_at = len(sofar.job_ids) + len(sofar.refused)
    if looked_at < sofar.matched:
        output.note(f"act {sofar.id}: {len(sofar.job_ids)} of {sofar.matched} jobs {act.past}")


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Set an event at the first Ctrl-C; the second interrupts."""
    interrupted = threading.Event()

    def stop(*_: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def finish_act(act: BulkAct, result: BulkResult, *, as_json: bool) -> None:
    """Print what an act on all jobs that match did; exit 130 if it was stopped."""
    output.answer_one(result.summary(), describe_act(act, result), as_json=as_json)
    leave_if_stopped(result)


def describe_act(act: BulkAct, result: BulkResult) -> str:
    """Return a sentence about what an act did, or would do."""
    done = f"{len(result.job_ids)} of {result.matched} jobs"
    if result.dry_run:
        return f"{done} would be {act.past} ({result.what})."
    if result.stopped_by is not None:
        return f"Act {result.id} was stopped by {result.stopped_by}: {done} are {act.past} ({result.what})."
    return f"{done} {act.past} ({result.what})" + (f": act {result.id}." if result.id else ".")


def leave_if_stopped(result: BulkResult) -> None:
    """Exit 130 if an act was stopped before it was done."""
    if result.stopped_by is not None:
        raise typer.Exit(output.INTERRUPTED)
