"""The old columns of `sites` say what the ledger says, at every step: they are a projection, and never the truth."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.integration.pipeline.city import City
from tests.integration.pipeline.conftest import Run


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


def test_other_runs_do_not_touch_it(run: Run, city: City) -> None:
    """A lone job is no passage of the site, whatever stages its run has."""
    city.publish("2024-01-02")
    city.day()
    before = city.row()
    run("enqueue", "extract-site", city.row()["subdomain"])
    city.work()
    assert city.row() == before
