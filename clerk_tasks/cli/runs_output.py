"""How runs and their stages are printed: with how far they are, and when they will end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clerk_tasks.cli import cells, output
from clerk_tasks.operations.short_ids import short_run_ids
from clerk_tasks.operations.wording import percent

_RUNS = ("id", "pipeline", "state", "percent", "jobs", "left", "failed", "created_at", "finished_at", "ends_at")
_UNFINISHED = ("id", "pipeline", "stage", "percent", "total", "left", "failed", "per_minute", "ends_at")
_STAGES = ("name", "state", "percent", "total", "left", "failed", "per_minute", "opened_at", "closed_at", "ends_at")


def runs_listing(runs: Sequence[Mapping[str, Any]]) -> output.Listing:
    """Return a table of runs."""
    return output.Listing(_shown(runs), _RUNS, "No runs.")


def unfinished_listing(runs: Sequence[Mapping[str, Any]]) -> output.Listing:
    """Return a table of runs that have not ended, with the stage under way."""
    return output.Listing(_shown(runs), _UNFINISHED, "No run is under way.")


def stages_listing(run: Mapping[str, Any]) -> output.Listing:
    """Return a table of a run's stages."""
    return output.Listing([_progress(stage) for stage in run["stages"]], _STAGES)


def heading(run: Mapping[str, Any]) -> str:
    """Return one line about a run."""
    said = f"{run['id']}: {run['pipeline']} of {run['subdomain']}, {run['state']}"
    if run["state"] != "running":
        return said
    rate = f", {run['rate']:g} jobs a minute" if run["rate"] else ""
    ends = f", it ends at about {cells.text(run['ends_at'])}" if run["ends_at"] else ""
    return f"{said}, {percent(run['percent'])}{rate}{ends}"


def _shown(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return cells.shortened([_progress(run) for run in runs], short_run_ids(run["id"] for run in runs), "id")


def _progress(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {"percent": percent(row["percent"]), "left": row.get("remaining"), "per_minute": row["rate"]}
    return dict(row) | known
