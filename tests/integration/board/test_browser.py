"""The board in a real browser over a real system with workers: its pages, its acts, its updates, its keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from clerk.acts import begin_act
from clerk.database.transactions import transaction
from clerk_tasks.board.pages import PAGES
from clerk_tasks.operations.acts import list_acts
from devtools.system import SITE, System
from tests.integration.board.browsing import Board, Open, act, board, browser, make_system, open_page, sentence, system

__all__ = ["board", "browser", "make_system", "open_page", "system"]
pytestmark = pytest.mark.slow
ACTS = ("/act/pause?kind=queue&name=default", f"/act/enqueue?job_type=fetch-site&subdomain={SITE}")
WITHOUT_SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def work_of(system: System) -> dict[str, str]:
    """Run a worker; return a job that completed, one that is a dead letter, one that runs, and one that waits."""
    system.worker("-c", "2")
    done, dead = system.enqueue("talks"), system.enqueue("hasty")
    runs = system.enqueue("gated", key="<script>alert('title')</script>", polite=True)
    system.wait_until_began(runs)
    system.wait_for_end(done, dead, deadline=60)
    return {"done": done, "dead": dead, "runs": runs}


def test_every_page_is_accessible_and_fits_a_phone(system: System, open_page: Open) -> None:
    jobs = work_of(system)
    run = system.job(jobs["dead"])["run_id"]
    names = {"subdomain": SITE, "job_id": jobs["dead"], "run_id": run}
    addresses = [page.path.format(**names) for page in PAGES if "{page}" not in page.path]
    for dark in (False, True):
        page = open_page(dark=dark)
        for address in [*addresses, *ACTS, "/nope"]:
            page.goto(address, wait_until="domcontentloaded")
            assert sentence(page)
            assert serious(page) == [], (address, dark)
    for width in (360, 640):  # 640: 1280 at a zoom of 200 %
        page = open_page(width=width)
        for address in [*addresses, *ACTS]:
            page.goto(address, wait_until="domcontentloaded")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    system.open_gate()
    system.wait_for_end(jobs["runs"])


def serious(page: Page) -> list[Any]:
    """Return what axe-core finds that keeps people out."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [each for each in found if each["impact"] in ("serious", "critical")]


@WITHOUT_SCRIPTS
def test_acts_on_jobs(system: System, open_page: Open, scripts: bool) -> None:
    jobs = work_of(system)
    page = open_page("/failures", scripts=scripts)
    assert act(page, "Dismiss all…") == "1 job dismissed."
    page.goto(f"/jobs/{jobs['dead']}")
    assert "is discarded" in sentence(page)
    assert act(page, "Retry…") == "1 job retried."
    system.wait_until(jobs["dead"], "running", "discarded", "retryable")
    page.goto(f"/jobs/{jobs['runs']}")
    assert act(page, "Cancel…") == "1 job cancelled."
    system.wait_until(jobs["runs"], "cancelled")
    page.goto(f"/jobs?state=cancelled&subdomain={SITE}")
    assert act(page, "Retry all…") == "1 job retried."
    system.open_gate()
    system.wait_until(jobs["runs"], "completed")
    assert [each["act"] for each in list_acts()] == ["retry", "cancel", "retry", "dismiss"]
    assert {each["reason"] for each in list_acts()} == {"a test"}


@WITHOUT_SCRIPTS
def test_acts_on_the_system(system: System, open_page: Open, scripts: bool) -> None:
    worker = system.worker("-c", "1")
    page = open_page("/queues", scripts=scripts)
    assert act(page, "Pause everything…").startswith("everything is paused by ")
    waits = system.enqueue("note")
    page.get_by_role("link", name="Undo…").click()
    page.locator("form.act button").click()
    assert sentence(page) == "everything is resumed."
    system.wait_until(waits, "completed")
    page.goto("/workers")
    assert act(page, "Scale…", size="2") == "1 worker of pool default: 2 jobs at a time."
    page.goto("/schedules")
    row = page.locator("tr", has_text="meetings-next-site")
    row.get_by_role("link", name="Fire now…").click()
    page.locator("form.act button").click()
    assert sentence(page).startswith("Schedule meetings-next-site: ")
    page.goto(f"/sites/{SITE}")
    assert "enqueued" in act(page, "Update…")
    page.get_by_role("link", name="Undo…").click()
    page.locator("form.act button").click()
    assert "is cancelled" in sentence(page)
    page.get_by_role("link", name="Undo…").click()
    page.locator("form.act button").click()
    assert "enqueued from stage" in sentence(page)
    page.goto("/workers")
    assert act(page, "Drain…") == "1 worker asked to drain."
    assert worker.wait(deadline=60) == 0
    page.goto("/acts")
    names = [each["act"] for each in list_acts()]
    assert names == ["drain", "retry", "cancel", "update", "fire", "scale", "resume", "pause"]


@WITHOUT_SCRIPTS
def test_a_job_is_enqueued_by_a_form(system: System, open_page: Open, scripts: bool) -> None:
    page = open_page(f"/sites/{SITE}", scripts=scripts, width=360)
    page.get_by_role("link", name="Enqueue a job…").click()
    page.locator("tr", has_text="fetch-site").get_by_role("link", name="Enqueue…").click()
    page.get_by_label("start_date").fill("2024-01-01")
    page.get_by_label("all_years").check()
    page.get_by_label("Run it in").fill("soon")
    page.get_by_role("button", name="Preview…").click()
    assert sentence(page) == "1 mistake: nothing is enqueued."
    expect(page.get_by_text("'soon' is no duration")).to_be_visible()
    page.get_by_label("Run it in").fill("1h")
    page.get_by_role("button", name="Preview…").click()
    assert "to run in 60 min, and the stages after it" in sentence(page)
    page.get_by_label("Reason").fill("a test")
    page.get_by_role("button", name="Enqueue it").dblclick()
    page.get_by_role("link", name="The job").click()
    expect(page.get_by_text("start_date")).to_be_visible()
    assert system.job(page.url.rpartition("/")[2])["arguments"]["all_years"] is True
    assert [(each["act"], each["reason"]) for each in list_acts()] == [("enqueue", "a test")]


PUBLISHER = """
import json, os
from pathlib import Path
from clerk import hookimpl
from clerk.acts import record_act
from clerk.database.transactions import transaction

class Publisher:
    @hookimpl
    def published_versions(self, subdomain):
        live = Path(os.environ["EFFECTS"] + ".live").read_text()
        known = {"published_at": "2026-11-01T00:00:00+00:00", "rows": 7, "run_id": None, "database": "meetings.db"}
        return [{"version": version, "live": version == live, **known} for version in ("second", "first")]

    @hookimpl
    def publish_version(self, subdomain, database, version, reason):
        Path(os.environ["EFFECTS"] + ".live").write_text(version)
        with transaction() as connection:
            record_act(connection, "rollback", f"{database} of {subdomain} to {version}", reason=reason)
        return {"version": version}
"""


@WITHOUT_SCRIPTS
def test_acts_on_what_waits_is_published_and_is_under_way(
    system: System, open_page: Open, board: Board, scripts: bool
) -> None:
    (system.plugins / "publisher.py").write_text(PUBLISHER)
    live = system.effects_file.with_name("effects.live")
    live.write_text("second")
    board.program.kill()
    board.start()  # with the plugin
    later = system.programs.clerk("enqueue", "note", SITE, "--in", "1h")
    assert later.wait() == 0
    job = later.log.split()[-1]
    page = open_page(f"/jobs/{job}", scripts=scripts)
    assert act(page, "Run now…") == "1 job made available."
    assert system.job(job)["state"] == "available"
    page.goto("/published")
    assert act(page, "Roll back to it…") == f"Readers see first of meetings.db of {SITE} again."
    assert live.read_text() == "first"
    page.get_by_role("link", name="Undo…").click()
    page.locator("form.act button").click()
    assert live.read_text() == "second"
    with transaction() as connection:
        begin_act(connection, "cancel", "every job", matched=9, reason=None)
    page.goto("/acts")
    assert "stops after its current transaction" in act(page, "Stop…")
    assert list_acts()[0]["stopped_by"]


def test_a_page_changes_while_it_is_open_and_moves_nothing_under_the_pointer(
    system: System, open_page: Open, board: Board
) -> None:
    page = open_page("/jobs")
    assert sentence(page).startswith("0 jobs match")
    first = system.enqueue("note")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("p.answer")).to_have_text(re.compile("^1 job matches"))
    link = page.locator(f"a[href='/jobs/{first}']")
    link.hover()
    before = link.bounding_box()
    system.enqueue("note")
    expect(page.locator("#updates")).to_contain_text("waits")
    assert link.bounding_box() == before
    expect(page.locator("tbody tr")).to_have_count(1)
    page.mouse.move(5, 700)
    expect(page.locator("tbody tr")).to_have_count(2)
    hide(page, hidden=True)
    system.enqueue("note")
    expect(page.locator("p.answer")).to_have_text(re.compile("^2 jobs match"))
    hide(page, hidden=False)
    expect(page.locator("tbody tr")).to_have_count(3)
    board.program.kill()
    expect(page.locator("#updates")).to_contain_text("is lost")
    system.enqueue("note")
    board.start()
    expect(page.locator("tbody tr")).to_have_count(4, timeout=30_000)
    expect(page.locator("#updates")).to_be_empty()


def hide(page: Page, *, hidden: bool) -> None:
    """Do what a browser does when its tab is put into the background, or to the front."""
    page.evaluate(
        "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_tab_that_was_opened_in_the_background_asks_for_nothing(open_page: Open) -> None:
    page = open_page("/acts")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.goto("/jobs", wait_until="load")
    assert not [url for url in asked if "page=%2Fjobs" in url]
    with page.expect_request("**/live?*"):
        hide(page, hidden=False)


def test_a_log_follows_its_job(system: System, open_page: Open) -> None:
    system.worker("-c", "1")
    job = system.enqueue("talks")
    page = open_page(f"/jobs/{job}")
    expect(page.locator("p.answer")).to_contain_text("is completed", timeout=30_000)
    expect(page.locator("pre").last).not_to_contain_text("Nothing was said", timeout=30_000)


def test_keys(system: System, open_page: Open) -> None:
    page = open_page("/acts")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(SITE)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sites/{SITE}")
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/queues")
