"""Complete names and ids in the shell; what cannot be read offers nothing, because an error has no place there."""

from __future__ import annotations

from collections.abc import Callable

from clerk.errors import ClerkError
from clerk.plugin.containment import BROKEN
from clerk_tasks.operations import completion
from clerk_tasks.operations.completion import Offers


def _quietly(find: Callable[[str], Offers]) -> Callable[[str], Offers]:
    def offer(text: str) -> Offers:
        try:
            return find(text)
        except (ClerkError, *BROKEN):
            return []

    return offer


sites, jobs, runs = map(_quietly, (completion.sites_beginning, completion.jobs_beginning, completion.runs_beginning))
queues, stages = map(_quietly, (completion.queues_beginning, completion.stages_beginning))
job_types = _quietly(completion.job_types_beginning)


def jobs_or_sites(text: str) -> Offers:
    """Offer sites, and jobs once there is a text: ids alone say little."""
    return [*sites(text), *(jobs(text) if text else ())]
