"""The old columns of `sites` say what the ledger says, at every step: they are a projection, and never the truth."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clerk.database.transactions import transaction
from clerk.settings import settings
from clerk.sites.rows import update_site
from clerk_tasks.cli.main import main
from plugins.local_publish.deploy import publish_sites
from tests.integration.pipeline.city import SITE, City
from tests.integration.pipeline.conftest import Run

pytestmark = pytest.mark.slow


def said(city: City) -> tuple[Any, ...]:
    """Return what an old monitor looks at."""
    row = city.row()
    return row["status"], row["current_stage"], row["ocr_total"], row["ocr_completed"], row["ocr_failed"]


def test_a_run_step_by_step(every_city: City) -> None:
    """The words are those of 0.1.3; documents are counted, not pages: here two, and the coordinator."""
    city = every_city
    city.publish("2024-01-02", b"")
    city.publish("2024-01-03")
    run_id = city.update()
    assert said(city) == ("fetching", "fetch", 1, 0, 0)
    city.project_is_the_ledger(run_id)
    city.work_one("fetch-site")
    assert said(city) == ("needs_ocr", "ocr", 1, 0, 0)
    city.project_is_the_ledger(run_id)
    city.work_one("coordinator")
    assert said(city) == ("needs_ocr", "ocr", 3, 1, 0), "what there is to do is known at once"
    city.project_is_the_ledger(run_id)
    for _ in range(2):
        city.execute(city.ids("available", "ocr-page")[0])
    assert said(city) == ("needs_compilation", "compilation", 3, 2, 1)
    city.project_is_the_ledger(run_id)
    city.work_one("db-compilation")
    assert said(city) == ("needs_deploy", "deploy", 3, 2, 1)
    city.work_one("deploy-site")
    assert said(city) == ("deployed", "completed", 3, 2, 1)
    city.project_is_the_ledger(run_id)
    row = city.row()
    assert (row["last_error_stage"], row["last_error_at"] is None) == ("ocr", False)


def test_the_status_of_a_site_whose_run_was_cancelled_says_so(city: City) -> None:
    run_id = city.update()
    assert main(["runs", "cancel", run_id]) == 0
    assert city.row()["status"] == "cancelled"
    assert main(["jobs", "retry", *city.ids("cancelled", "fetch-site")]) == 0
    assert said(city)[:2] == ("fetching", "fetch")


def test_a_job_delivered_twice_counts_once(city: City) -> None:
    """Redelivery made 3 of 2 of the old counters, or 2 of 1."""
    city.publish("2024-01-02")
    run_id = city.update()
    for job_type in ("fetch-site", "coordinator", "ocr-page", "db-compilation", "deploy-site"):
        (job_id,) = city.ids("available", job_type)
        for _ in range(3):
            city.execute(job_id)
    assert city.run(run_id)["state"] == "completed"
    assert said(city)[2:] == (2, 2, 0)
    assert city.hooks().count("deploy_municipality") == 1


def test_an_error_is_dated_by_its_own_time(city: City) -> None:
    city.publish("2024-01-02", b"")
    city.day()
    (dead,) = city.jobs(state="discarded")
    assert city.row()["last_error_at"] == datetime.fromisoformat(dead["finished_at"])


def test_an_error_goes_when_a_run_has_none(every_city: City) -> None:
    city = every_city
    city.plugin.raising["deploy_municipality"] = OSError("no route to host")
    city.day()
    assert (city.row()["last_error_stage"], city.row()["status"]) == ("deploy", "failed")
    city.plugin.raising.clear()
    city.update()
    assert city.row()["status"] == "fetching"
    city.work_one("fetch-site")
    assert city.row()["last_error_stage"] == "deploy", "it has not completed yet"
    city.work()
    row = city.row()
    assert [row[f"last_error_{what}"] for what in ("stage", "message", "at")] == [None] * 3


def test_readers_see_a_site_as_it_is_once_its_run_has_ended(
    every_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of sites is published by the deploy job itself, which by then has not ended."""
    city = every_city
    monkeypatch.setenv("CLERK_PUBLISH_DIR", str(tmp_path / "published"))
    settings.discard()
    city.publish("2024-01-02")
    city.day()
    shown, row = readers_row(tmp_path), city.row()
    kept = {name: row[name] for name in shown if not isinstance(row[name], datetime | bool | None)}
    assert {name: shown[name] for name in kept} == kept
    assert (shown["status"], shown["current_stage"], shown["deploy_completed"]) == ("deployed", "completed", 1)

    city.update()
    for job_type in ("fetch-site", "coordinator", "db-compilation"):
        city.work_one(job_type)
    with transaction() as connection:
        update_site(connection, SITE, {"last_deployed": "2024-05-01T00:00:00"})
    publish_sites()
    assert readers_row(tmp_path)["status"] == "needs_deploy", "it was deployed by an earlier run"


def readers_row(folder: Path) -> dict[str, Any]:
    """Return the site's row in sites.db."""
    with closing(sqlite3.connect(folder / "published" / "sites.db")) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute("SELECT * FROM sites").fetchone())


def test_other_runs_do_not_touch_it(run: Run, city: City) -> None:
    """A lone job is no passage of the site, whatever stages its run has."""
    city.publish("2024-01-02")
    city.day()
    before = city.row()
    run("enqueue", "extract-site", city.row()["subdomain"])
    city.work()
    assert city.row() == before
