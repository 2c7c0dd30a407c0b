"""The keywords that RQ's enqueue took for itself: plugins written for it still pass them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from clerk.errors import UsageError
from clerk.jobs import LONGEST_TIME_LIMIT
from clerk_tasks.job_types.signatures import signature

#: What RQ 3 keeps from the function. `job_timeout` sets the job's time limit; the others have no meaning here and are
#: dropped, as plugins expect. RQ's `args` and `kwargs` never went together with a site, and are names like any other.
RQ_KEYWORDS = frozenset(
    {
        *("at_front", "depends_on", "description", "failure_ttl", "job_id", "job_timeout", "meta", "on_failure"),
        *("on_stopped", "on_success", "pipeline", "rate_limit", "repeat", "result_ttl", "retry", "ttl", "unique"),
        "webhooks",
    }
)

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def split_rq_keywords(function: Callable[..., Any], keywords: Mapping[str, Any]) -> tuple[dict[str, Any], float | None]:
    """Return the function's own arguments, and the time limit in seconds (None: as the job type has it).

    A name that the function's signature has is the function's.
    """
    own = signature(function).parameters
    arguments = {name: value for name, value in keywords.items() if name in own or name not in RQ_KEYWORDS}
    limit = None if "job_timeout" in own else keywords.get("job_timeout")
    # RQ's "no limit" (-1) cannot be had: a job without one could hold its lease for ever.
    return arguments, None if limit is None or limit == -1 else seconds(limit)


def seconds(limit: float | str) -> float:
    """Read a time limit: seconds, or text such as "90", "10m", "1h" or "1d"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(limit).strip().lower())
    value = 0.0 if isinstance(limit, bool) or match is None else float(match[1]) * _UNITS[match[2]]
    if not 0 < value <= LONGEST_TIME_LIMIT:
        raise UsageError(f"job_timeout={limit!r}: give seconds, or text like '90', '10m' or '1h', at most 30 days")
    return value
