"""`clerk-tasks jobs run`: run a job in this terminal, to see what its function does."""

from __future__ import annotations

import logging
import pdb
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated

import typer

from clerk_tasks import logs
from clerk_tasks.cli import output
from clerk_tasks.cli.flags import Flags, takes_flags, typed_arguments
from clerk_tasks.cli.options import Arguments, AsJson, NamedJobType, NamedSite
from clerk_tasks.job_types.registry import registry
from clerk_tasks.operations.run_here import RunHere, command_of, run_here


def command(
    job_type: NamedJobType,
    subdomain: NamedSite,
    flags: Flags,
    arg: Arguments = None,
    debugger: Annotated[bool, typer.Option("--pdb", help="Open the debugger where the function fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a job in this terminal, with its traceback, without a worker.

    The function is called as a worker calls it, and its files are put in place; no job is recorded, and the jobs that
    it asks for are only listed. Each argument of the job type is an option too: `clerk-tasks jobs run JOB_TYPE --help`.
    """
    arguments = typed_arguments(job_type, arg or (), flags)
    with _shown():
        done = run_here(job_type, subdomain, arguments, say=output.note)
    if done.raised is not None:
        output.say_lines(done.traceback.rstrip())
        if debugger:
            with redirect_stdout(sys.stderr):
                pdb.post_mortem(done.raised.__traceback__)
    if done.note:
        output.warn(done.note)
    children = [command_of(child) for child in done.children]
    output.note(f"{job_type} {subdomain}: {done.error or 'completed'} ({done.seconds:.3f} s)")
    if done.error is not None:
        output.note(f"Its code: {registry().get(job_type).origin}.")
    if children:
        output.note("A worker would enqueue:" if done.error is None else "It asked for, before it failed:")
        for line in children:
            output.note(f"  {line}")
    _answer(done, children, as_json=as_json)
    if done.error is not None:
        raise typer.Exit(1)


def _answer(done: RunHere, children: list[str], *, as_json: bool) -> None:
    if as_json:
        answered = {"result": done.result, "error": done.error, "seconds": done.seconds, "children": children}
        output.print_json(answered)
    elif done.result is not None:
        output.print_json(done.result)


@contextmanager
def _shown() -> Iterator[None]:
    """Show on stderr what the function prints and logs, as a worker's log would."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logs.LogLines("%(levelname)-7s %(message)s"))
    handler.addFilter(lambda record: record.name.partition(".")[0] not in logs.OURS)  # main shows those
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


command_class = takes_flags(command)
