"""What an operator types: update, runs retry, runs cancel, jobs list."""

from __future__ import annotations

import json

import pytest

from clerk.settings import settings
from devtools.papers import paper
from tests.integration.pipeline.city import SITE, City, stages_of
from tests.integration.pipeline.conftest import Run

pytestmark = pytest.mark.slow


def begun(city: City) -> tuple[str, dict[str, object]]:
    """Return the job type and the arguments that the newest run begins with."""
    run = city.run(city.run_ids()[-1])
    first = city.job(run["jobs"][-1]["id"])
    return first["job_type"], first["arguments"]


@pytest.mark.parametrize(
    ("options", "job_type", "arguments"),
    [
        ([], "fetch-site", {"all_years": False, "all_agendas": False}),
        (["--all-years"], "fetch-site", {"all_years": True, "all_agendas": False}),
        (["--all-agendas"], "fetch-site", {"all_years": False, "all_agendas": True}),
        (["--skip-fetch"], "coordinator", {"failed_too": True}),
        (["--from", "ocr"], "coordinator", {"failed_too": True}),
        (["--from", "compilation"], "db-compilation", {}),
        (["--from", "deploy"], "deploy-site", {}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("site", [["--subdomain", SITE], ["--next-site"]], ids=["named", "next"])
def test_update_begins_where_it_is_told(
    run: Run, city: City, site: list[str], options: list[str], job_type: str, arguments: dict[str, object]
) -> None:
    result = run("update", *site, *options)
    assert (result.code, len(result.out.splitlines())) == (0, 1)
    assert city.job(result.out.strip())["job_type"] == job_type
    assert begun(city) == (job_type, arguments)
    city.work()
    assert city.run(city.run_ids()[0])["state"] == "completed"


def test_an_unknown_stage_is_answered_with_the_known_ones(run: Run, city: City) -> None:
    result = run("update", "--subdomain", SITE, "--from", "print")
    assert result.code == 2
    assert "fetch, ocr, compilation, deploy" in result.err
    assert city.jobs() == []


def test_a_second_update_names_the_first(run: Run, city: City) -> None:
    first = run("update", "--subdomain", SITE).out.strip()
    second = run("update", "--subdomain", SITE, "--from", "deploy")
    assert second.code == 4
    assert str(city.jobs(job_type="deploy-site")[0]["id"]) in second.err
    assert city.job(first)["run_id"] == city.job(city.jobs(job_type="deploy-site")[0]["id"])["run_id"]


def test_nobody_is_due(run: Run, city: City) -> None:
    city.day()
    result = run("update", "--next-site")
    assert (result.code, result.out) == (0, "")
    assert "no site is due" in result.err
    assert run("update", "--next-site", "--json").out == "null\n"


def test_failed_documents_are_listed_with_their_reason(run: Run, city: City) -> None:
    city.publish("2024-01-02", b"")
    city.day()
    (listed,) = json.loads(run("jobs", "list", "--state", "discarded", "--json").out)
    assert "minutes Council 2024-01-02: " in listed["error"]
    assert "has no bytes" in run("why", listed["id"]).out


def test_a_failed_run_is_made_again_from_where_it_failed(run: Run, city: City) -> None:
    city.publish("2024-01-02")
    city.plugin.raising["deploy_municipality"] = OSError("no route to host")
    failed = city.day()
    assert stages_of(failed)["deploy"] == ("closed", 1, 1)
    assert city.row()["last_error_stage"] == "deploy"
    city.plugin.raising.clear()
    assert run("runs", "retry", failed["id"]).code == 0
    assert begun(city) == ("deploy-site", {})
    city.work()
    again = city.run(city.run_ids()[-1])
    assert (again["state"], list(stages_of(again))) == ("completed", ["deploy"])
    assert city.row()["status"] == "deployed"


@pytest.mark.parametrize("stage", ["fetch", "ocr", "compilation", "deploy"])
def test_a_run_is_made_again_from_the_stage_that_is_named(run: Run, city: City, stage: str) -> None:
    done = city.day()
    assert run("runs", "retry", done["id"], "--from", stage).code == 0
    assert city.run(city.run_ids()[-1])["stages"][0]["name"] == stage


def test_a_retry_keeps_what_the_run_was_asked_for(run: Run, city: City) -> None:
    first = city.day(all_years=True, all_agendas=True)
    assert run("runs", "retry", first["id"]).code == 0
    assert begun(city) == ("fetch-site", {"all_years": True, "all_agendas": True})


def test_a_run_that_began_late_is_made_again_from_there(run: Run, city: City) -> None:
    late = city.day(start="compilation")
    assert run("runs", "retry", late["id"]).code == 0
    assert begun(city) == ("db-compilation", {})


def test_a_run_with_failed_documents_tries_those_again(run: Run, city: City) -> None:
    city.publish("2024-01-02", b"")
    city.publish("2024-01-03")
    first = city.day()
    assert run("runs", "retry", first["id"]).code == 0
    city.work()
    assert stages_of(city.run(city.run_ids()[-1]))["ocr"] == ("closed", 2, 1)


@pytest.mark.parametrize(
    ("only", "documents"),
    [("failed", ["2024-01-02"]), ("missing", ["2024-01-03"]), ("failed,missing", ["2024-01-02", "2024-01-03"])],
)
def test_only_the_documents_that_are_named_are_read(
    run: Run, city: City, monkeypatch: pytest.MonkeyPatch, only: str, documents: list[str]
) -> None:
    monkeypatch.setenv("CLERK_FAILED_DOCUMENTS", "0")  # so that the next run by itself would try the failed one
    settings.discard()
    city.publish("2024-01-02", b"")
    first = city.day()
    (city.root / "pdfs/Council/2024-01-03.pdf").write_bytes(paper())  # by hand, and nobody has tried it
    assert run("runs", "retry", first["id"], "--only", only).code == 0
    city.work()
    again = city.run(city.run_ids()[-1])
    pages = [city.job(job["id"])["arguments"] for job in again["jobs"] if job["job_type"] == "ocr-page"]
    assert sorted(page["date"] for page in pages) == documents


@pytest.mark.parametrize("options", [["--only", "late"], ["--only", ""], ["--only", "failed", "--from", "deploy"]])
def test_documents_that_cannot_be_chosen(run: Run, city: City, options: list[str]) -> None:
    first = city.day()
    assert run("runs", "retry", first["id"], *options).code == 2
    assert city.run_ids() == [first["id"]]


def test_a_smaller_database_is_published_once_that_is_accepted(run: Run, city: City) -> None:
    assert run("update", "--subdomain", SITE, "--from", "deploy", "--accept-shrink").code == 0
    assert begun(city) == ("deploy-site", {"accept_shrink": True})


@pytest.mark.parametrize(
    "options",
    [
        ["--accept-shrink"],
        ["--skip-fetch", "--from", "deploy"],
        ["--finance", "--from", "ocr"],
        ["--finance", "--skip-fetch"],
        ["--finance", "--all-agendas"],
        ["--from", "ocr", "--all-years"],
        ["--skip-fetch", "--all-agendas"],
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together(run: Run, city: City, options: list[str]) -> None:
    assert run("update", "--subdomain", SITE, *options).code == 2
    assert city.jobs() == []


def status(run: Run) -> dict[str, object]:
    """Return what `status --json` says of the city."""
    (site,) = json.loads(run("status", "--subdomain", SITE, "--json").out)["sites"]
    return dict(site)


def test_status_says_where_a_site_is_and_what_failed(run: Run, city: City) -> None:
    assert (status(run)["last_run"], status(run)["age"]) == (None, None)
    city.publish("2024-01-02", b"")
    city.publish("2024-01-03")
    run_id = city.update()
    city.work_one("fetch-site")
    city.work_one("coordinator")
    seen = status(run)
    assert (seen["last_run"], seen["last_run_state"], seen["stage"]) == (run_id, "running", "ocr")
    assert (seen["total"], seen["remaining"], seen["failed"]) == (6, 4, 0)
    city.work()
    seen = status(run)
    assert (seen["stage"], seen["total"], seen["remaining"], seen["failed"], seen["discarded"]) == (None, 6, 0, 1, 1)
    assert 0 <= int(str(seen["age"])) < 60
    heading, line = run("status", "--subdomain", SITE).out.splitlines()[-2:]
    assert heading.split()[-3:] == ["DISCARDED", "OWED", "AGE"]
    assert line.split()[-4:-2] == ["1", "1"]
    assert line.split()[-1] == "s"


def test_a_dry_run_does_nothing(run: Run, city: City) -> None:
    city.publish("2024-01-02", b"")
    first = city.day()
    result = run("runs", "retry", first["id"], "--dry-run")
    assert result.code == 0
    assert result.out == f"{SITE}: retry from stage ocr; 1 failed and 0 missing documents wait to be read\n"
    plan = json.loads(run("runs", "retry", first["id"], "--dry-run", "--json").out)
    assert (plan["subdomain"], plan["stage"], plan["failed"], plan["missing"]) == (SITE, "ocr", 1, 0)
    assert city.run_ids() == [first["id"]]


def test_what_cannot_be_retried(run: Run, city: City) -> None:
    running = city.update()
    assert run("runs", "retry", running).code == 4
    assert run("runs", "retry", "nothing_1_abcdef").code == 3
    city.work()
    assert run("runs", "retry", running, "--from", "print").code == 2


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_cancelled_run_is_cancelled_wherever_it_is(run: Run, city: City, done: int) -> None:
    """Not "completed", because a part of it had been; and the next may begin at once."""
    city.publish("2024-01-02")
    run_id = city.update()
    for job_type in ("fetch-site", "coordinator", "ocr-page")[:done]:
        city.work_one(job_type)
    assert run("runs", "cancel", run_id).code == 0
    cancelled = city.run(run_id)
    assert (cancelled["state"], city.hooks()) == ("cancelled", [])
    assert city.row()["status"] != "deployed"
    assert run("runs", "cancel", run_id).code == 4
    assert city.day()["state"] == "completed"
    assert city.rows() == [("Council", "2024-01-02", 1)]


def test_one_cancelled_document_does_not_stop_the_others(run: Run, city: City) -> None:
    city.publish("2024-01-02")
    city.publish("2024-01-03")
    run_id = city.update()
    city.work_one("fetch-site")
    city.work_one("coordinator")
    assert run("jobs", "cancel", city.jobs(job_type="ocr-page")[0]["id"]).code == 0
    city.work()
    assert city.run(run_id)["state"] == "completed"
    assert len(city.rows()) == 1
    city.day()
    assert len(city.rows()) == 2


def test_the_wait_exits_by_the_outcome_of_the_whole_run(run: Run, city: City) -> None:
    """It waits for every stage: here all have ended before it looks."""
    from clerk_tasks import waiting

    run_id = city.update()
    city.plugin.raising["post_deploy"] = OSError("no")
    city.work()
    jobs = waiting.wait_for([job["id"] for job in city.run(run_id)["jobs"]], lambda _: None)
    assert not waiting.succeeded(jobs)
