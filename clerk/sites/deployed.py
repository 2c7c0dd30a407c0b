"""A site as readers see it while its deploy job is still running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk.database.clock import parse_moment

#: A stage's name here -> what `sites.status` says while it is open.
STATUS = {
    "fetch": "fetching",
    "ocr": "needs_ocr",
    "compilation": "needs_compilation",
    "extraction": "needs_extraction",
    "deploy": "needs_deploy",
}

#: What `sites` says of a site whose run has completed.
DONE = {"current_stage": "completed", "status": "deployed"}


def as_deployed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a site's row for readers: once its databases are out it is deployed, though its run has not ended yet.

    The list of sites is published by the deploy job itself, before that job has ended.
    """
    deployed = parse_moment(row["last_deployed"])
    if row["status"] != STATUS["deploy"] or deployed is None or row["started_at"] is None:
        return dict(row)
    if deployed < row["started_at"].replace(microsecond=0):  # in an earlier run; that column has whole seconds
        return dict(row)
    return {**row, **DONE, "deploy_completed": row["deploy_total"]}
