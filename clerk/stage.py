"""A stage of the meetings pipeline, as plugins declare it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

STAGE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

#: The value of `runs.pipeline` for a run of the meetings pipeline.
MEETINGS = "meetings"


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a run, and the job type that it begins with; jobs may add others to it, or to a later one.

    The run goes on while the failed share of the jobs, that first one aside, is at most `tolerance`. `after` places a
    plugin's stage.
    """

    name: str
    job_type: str
    tolerance: float = field(default=0.0, kw_only=True)
    after: str | None = field(default=None, kw_only=True)


#: The job types that begin our own stages: for these and plugins' stages alone is the stage graph built.
BEGINNERS = frozenset({"fetch-site", "coordinator", "db-compilation", "deploy-site"})
