"""A plugin for a plugins directory: a pipeline that fans out and in, whose effects are keyed by job as ours should be.

It shares the effects file of `jobs_plugin`: a line per effect: key, job id, attempt.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from clerk import Backoff, JobType, Limit, current_job, hookimpl
from clerk.pipeline import Stage
from devtools.jobs_plugin import began, effect

#: Faults come by the second, and each costs whoever it meets an attempt.
MANY = 60
LIMITED = {"piece": Limit(concurrency=3), "nap": Limit(rate="20/s", key="{subdomain}")}
QUICKLY = Backoff(base=0.2, cap=2.0)


def scatter(subdomain: str, run_id: str, pieces: int = 2, seconds: float = 0.2, stumbles: int = 0) -> None:
    """Ask for the pieces; the first `stumbles` of them fail once."""
    for number in range(pieces):
        current_job().spawn("piece", subdomain, number=number, seconds=seconds, stumbles=number < stumbles)
    _leave(f"{run_id}/scatter")


def piece(subdomain: str, run_id: str, number: int, seconds: float, stumbles: bool) -> None:
    """Take a while, looking now and then whether it should stop; then leave the effect."""
    pause = threading.Event()
    for _ in range(max(1, round(seconds / 0.1))):
        pause.wait(0.1)
        current_job().checkpoint()
    if stumbles and current_job().attempt == 1:
        raise RuntimeError("stumbled")
    _leave(f"{run_id}/piece-{number}")


def nap(subdomain: str, seconds: float) -> None:
    """Take a while, then leave an effect like a job that has not heard of its being keyed."""
    began()
    threading.Event().wait(seconds)
    effect("nap")


def gather(subdomain: str, run_id: str) -> None:
    """Leave an effect that must come after those of all the pieces."""
    _leave(f"{run_id}/gather")


def _leave(key: str) -> None:
    """Append the effect's line, unless an earlier attempt of this job has and was killed before it could say so."""
    context, file = current_job(), Path(os.environ["EFFECTS"])
    with context.fence():
        if file.exists() and f" {context.job_id} " in file.read_text():
            return
        with file.open("a") as effects:
            effects.write(f"{key} {context.job_id} {context.attempt}\n")


class SoakJobs:
    """The plugin."""

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        """Return them; nobody is unlucky often enough to be discarded."""
        return {
            function.__name__: JobType(
                function, max_attempts=MANY, backoff=QUICKLY, limit=LIMITED.get(function.__name__)
            )
            for function in (scatter, piece, gather, nap)
        }

    @hookimpl
    def register_stages(self) -> list[Stage]:
        """Return the two stages, at the end of the pipeline."""
        return [Stage("scatter", "scatter"), Stage("gather", "gather", after="scatter")]
