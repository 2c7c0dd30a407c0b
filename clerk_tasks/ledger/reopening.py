"""Decide which stages of an ended run go on when some of its jobs are retried by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from clerk.database.states import UNENDED, StageState
from clerk.stage import MEETINGS

#: The stages of one run by id, in order.
Stages = dict[int, Row[Any]]


@dataclass(frozen=True, slots=True)
class Reopening:
    """What a retry does to a run: the stage that opens again, those that wait again, and {stage: why it cannot be}."""

    run_id: str = ""
    opened: int | None = None
    revived: tuple[int, ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


def reopening(of_run: Stages, chosen: Collection[int]) -> Reopening:
    """Decide for the stages of the jobs to retry in one run.

    Stages were cancelled because a stage before them did not succeed, or with their run. They go on if that stage is
    retried, or the first of them if no stage before it failed. No stage runs ahead of one that it waits for.
    """
    cancelled = [stage for stage in of_run.values() if stage.state == StageState.CANCELLED]
    if not cancelled:
        return Reopening()
    first = cancelled[0]
    ended_early = [stage for stage in of_run.values() if stage.position < first.position and stage.id in chosen]
    if any(stage.state in UNENDED for stage in of_run.values()):
        advice = f"Its run has not ended: wait for it, or cancel it with `clerk-tasks runs cancel {first.run_id}`."
        affected = [*ended_early, *cancelled]
        return Reopening(refused={stage.id: advice for stage in affected if stage.state not in UNENDED})
    start = ended_early[-1] if ended_early else first
    failed = [
        stage
        for stage in of_run.values()
        if stage.position < first.position
        and (stage.position > start.position or start is first)
        and _did_not_succeed(stage)
    ]
    if failed or start.id not in chosen:
        advice = _advice(failed[-1] if failed else first)
        return Reopening(refused={stage.id: advice for stage in cancelled})
    revived = tuple(stage.id for stage in cancelled if stage is not start)
    return Reopening(first.run_id, start.id, revived)


def _did_not_succeed(stage: Row[Any]) -> bool:
    """Return whether a closed stage cancelled those after it."""
    all_failed = stage.total > 0 and stage.failed + stage.cancelled == stage.total
    return bool(all_failed or (stage.failed and stage.failed > stage.tolerance * (stage.total - 1)))


def _advice(stage: Row[Any]) -> str:
    listed = f"`clerk-tasks jobs list --run-id {stage.run_id}` lists them"
    again = f"retry the jobs of stage {stage.name}, which did not succeed and comes first ({listed})"
    if stage.pipeline == MEETINGS:
        again += f", or the run with `clerk-tasks runs retry {stage.run_id}`"
    return f"Instead, {again}."
