"""The pages of the board, in the order of its menu: the one place that lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clerk_tasks.board.parts import Answer, Asked
from clerk_tasks.board.views import now, plugins, sites, system, work
from clerk_tasks.operations.contributions import board_pages


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its name, its path, the question that its sentence answers, and what reads the answer."""

    name: str
    path: str
    question: str
    read: Callable[[Asked], Answer]
    in_menu: bool = True


PAGES = (
    Page("Now", "/", "Is all well?", now.now),
    Page("Sites", "/sites", "Which sites are up to date?", sites.sites),
    Page("Site", "/sites/{subdomain}", "Why is its work as it is?", sites.site, in_menu=False),
    Page("Jobs", "/jobs", "Which jobs are so?", work.jobs),
    Page("Job", "/jobs/{job_id}", "Why is it as it is?", work.job, in_menu=False),
    Page("Run", "/runs/{run_id}", "Where does it stand?", work.run, in_menu=False),
    Page("Failures", "/failures", "What fails, and why?", work.failures),
    Page("Queues", "/queues", "What is behind, and when will it be clear?", system.queues),
    Page("Schedules", "/schedules", "What fires next?", system.schedules),
    Page("Workers", "/workers", "Who is at work?", system.workers),
    Page("Published", "/published", "What do readers see?", sites.published),
    Page("Acts", "/acts", "What did operators do?", system.acted),
    Page("Page of a plugin", "/plugins/{page}", "What does the plugin show?", plugins.page, in_menu=False),
)


def menu() -> list[tuple[str, str]]:
    """Return the names and addresses of the menu: our pages, then the plugins'."""
    brought = [(page.title, f"/plugins/{name}") for name, (_plugin, page) in board_pages().items()]
    return [*((page.name, page.path) for page in PAGES if page.in_menu), *brought]
