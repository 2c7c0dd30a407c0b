"""`update --all`: every site that the options choose, and that is not being updated."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clerk.database.clock import format_moment
from clerk.database.transactions import transaction
from clerk.sites.rows import insert_site
from clerk_tasks.cli.main import main

pytestmark = pytest.mark.usefixtures("engine")
Capture = pytest.CaptureFixture[str]
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def sites(engine: Any) -> None:
    """Sites of two states: of two days and of eight days ago, never updated, and without a fetcher."""
    with transaction(engine) as connection:
        for subdomain, days in (("fresh.ca", 2), ("stale.ca", 8), ("never.ca", None), ("stale.nv", 8)):
            updated = None if days is None else format_moment(NOW - timedelta(days=days))
            site = {"subdomain": subdomain, "name": "N", "state": subdomain[-2:].upper(), "last_updated": updated}
            insert_site(connection, site | {"scraper": "legistar"})


def updated(capsys: Capture, *options: str) -> list[str]:
    """Run the command; return the sites of which it has enqueued the fetch."""
    capsys.readouterr()
    assert main(["update", "--all", "--json", *options]) == 0
    jobs = json.loads(capsys.readouterr().out)
    assert {job["job_type"] for job in jobs} <= {"fetch-site"}
    return sorted(job["subdomain"] for job in jobs)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ([], ["fresh.ca", "never.ca", "stale.ca", "stale.nv"]),
        (["--state", "ca"], ["fresh.ca", "never.ca", "stale.ca"]),
        (["--stale", "7d"], ["never.ca", "stale.ca", "stale.nv"]),
        (["--state", "NV", "--stale", "2w"], []),
    ],
)
def test_the_sites_that_the_options_choose_are_updated(capsys: Capture, options: list[str], chosen: list[str]) -> None:
    assert updated(capsys, *options) == chosen


def test_a_site_that_is_being_updated_is_left_out(capsys: Capture) -> None:
    assert main(["update", "--subdomain", "stale.ca"]) == 0
    assert updated(capsys, "--state", "CA") == ["fresh.ca", "never.ca"]


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--all", "--next-site"], 2, "Give either --subdomain SUBDOMAIN, --next-site or --all."),
        (["--all", "--subdomain", "stale.ca"], 2, "Give either"),
        (["--next-site", "--stale", "7d"], 2, "--state and --stale choose among the sites of --all."),
        (["--all", "--stale", "a week"], 2, "'a week' is no duration"),
        (["--all", "--state", "XX"], 3, "No site is in state XX."),
    ],
)
def test_options_that_do_not_go_together_enqueue_nothing(
    capsys: Capture, options: list[str], code: int, reason: str
) -> None:
    assert main(["update", *options]) == code
    assert reason in capsys.readouterr().err
    main(["jobs", "list", "--json"])
    assert json.loads(capsys.readouterr().out) == []
