"""The pages of the board, in the order of its menu: the one place that lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clerk_tasks.board.parts import Asked, PageAnswer
from clerk_tasks.board.views import job_types, now, plugins, sites, system, work
from clerk_tasks.operations.contributions import board_pages


@dataclass(frozen=True, slots=True)
class OwnPage:
    """One page: its name, its path, the question that its sentence answers, and what reads the answer."""

    name: str
    path: str
    question: str
    read: Callable[[Asked], PageAnswer]
    in_menu: bool = True


PAGES = (
    OwnPage("Now", "/", "Is all well?", now.now),
    OwnPage("Sites", "/sites", "Which sites are up to date?", sites.sites),
    OwnPage("Site", "/sites/{subdomain}", "Why is its work as it is?", sites.site, in_menu=False),
    OwnPage("Jobs", "/jobs", "Which jobs are so?", work.jobs),
    OwnPage("Job", "/jobs/{job_id}", "Why is it as it is?", work.job, in_menu=False),
    OwnPage("Job types", "/job-types", "Which jobs can be enqueued?", job_types.job_types),
    OwnPage("Run", "/runs/{run_id}", "Where does it stand?", work.run, in_menu=False),
    OwnPage("Failures", "/failures", "What fails, and why?", work.failures),
    OwnPage("Queues", "/queues", "What is behind, and when will it be clear?", system.queues),
    OwnPage("Schedules", "/schedules", "What fires next?", system.schedules),
    OwnPage("Workers", "/workers", "Who is at work?", system.workers),
    OwnPage("Published", "/published", "What do readers see?", sites.published),
    OwnPage("Acts", "/acts", "What did operators do?", system.acted),
    OwnPage("Page of a plugin", "/plugins/{page}", "What does the plugin show?", plugins.page, in_menu=False),
)


def menu() -> list[tuple[str, str]]:
    """Return the names and addresses of the menu: our pages, then the plugins'."""
    brought = [(page.title, f"/plugins/{name}") for name, (_plugin, page) in board_pages().items()]
    return [*((page.name, page.path) for page in PAGES if page.in_menu), *brought]
