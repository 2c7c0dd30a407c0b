"""`clerk.testing`: jobs run in the process of a test, with the validation, the context and the outcome of a worker."""

from __future__ import annotations

import io
import logging
import sys
from datetime import date
from typing import TextIO

import pytest

from clerk import Discard, JobRequest, JobType, Retry, current_job, hookimpl
from clerk.database.transactions import transaction
from clerk.errors import ClerkError, NotFoundError, UsageError
from clerk.paths import site_dir
from clerk.queue import enqueue_many
from clerk.sites.admin import show_site
from clerk.sites.rows import insert_site
from clerk.testing import Harness, assert_enqueued, drain, enqueue, enqueued, run_job


def greet(subdomain: str, run_id: str, *, name: str, day: date = date(2026, 1, 2)) -> dict[str, str]:
    job = current_job()
    job.progress("writing")
    logging.getLogger("greetings").info("greeting %s", name)
    sys.stdout.write("hello on stdout\n")
    job.spawn("follow", subdomain, name=name)
    folder = site_dir(subdomain)
    folder.mkdir(parents=True)
    draft = folder / ".draft"
    draft.write_text(f"Hello, {name}")
    job.progress("placing")
    job.commit_files({draft: folder / "letter.txt"})
    return {"greeted": name, "on": day.isoformat()}


def follow(subdomain: str, *, name: str) -> None:
    if name == "Bad":
        raise Discard("no such person")


def flaky(subdomain: str) -> int:
    if current_job().attempt == 1:
        raise Retry("not yet", after=3600)
    return current_job().attempt


class Greetings:
    @hookimpl
    def register_job_types(self) -> dict[str, object]:
        return {"greet": greet, "follow": JobType(follow, max_attempts=1), "flaky": flaky}


@pytest.fixture
def harness(clerk_harness: Harness) -> Harness:
    clerk_harness.add_plugin(Greetings)
    return clerk_harness


def test_a_job_runs_as_in_a_worker(harness: Harness) -> None:
    job = run_job("greet", "alameda.ca", name="Ada", day="2026-03-04")
    assert job.result == {"greeted": "Ada", "on": "2026-03-04"}
    assert (job.state, job.attempt, job.progress) == ("completed", 1, ("writing", "placing"))
    assert job.logs == ("greeting Ada", "hello on stdout")
    letter = harness.storage / "alameda.ca/letter.txt"
    assert (job.files, letter.read_text()) == ((letter,), "Hello, Ada")
    assert [(child.job_type, child.arguments) for child in job.children] == [("follow", {"name": "Ada"})]
    assert assert_enqueued("follow", "alameda.ca", name="Ada").state == "available"


def test_a_stream_that_a_job_kept_may_be_closed_after_the_one_below(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python ends so, after pytest has closed what it captured in."""
    kept: list[TextIO] = []

    class Keeping:
        @hookimpl
        def register_job_types(self) -> dict[str, object]:
            return {"keep": keep}

    def keep(subdomain: str) -> None:
        kept.append(sys.stdout)

    harness.add_plugin(Keeping)
    monkeypatch.setattr("sys.stdout", below := io.TextIOWrapper(io.BytesIO()))
    assert run_job("keep", "alameda.ca").completed
    below.close()
    kept[0].close()
    assert kept[0].closed


@pytest.mark.usefixtures("harness")
def test_a_site_that_is_there_already_stays_as_it_is() -> None:
    with transaction() as connection:
        insert_site(connection, {"subdomain": "oakland.ca", "name": "City of Oakland", "state": "CA"})
    assert run_job("greet", "oakland.ca", name="Ada").completed
    assert show_site("oakland.ca")["name"] == "City of Oakland"


@pytest.mark.usefixtures("harness")
def test_arguments_are_validated_before_anything_is_recorded() -> None:
    with pytest.raises(UsageError, match="argument 'day'"):
        run_job("greet", "alameda.ca", name="Ada", day="tomorrow")
    with pytest.raises(NotFoundError, match="Did you mean greet"):
        run_job("gret", "alameda.ca", name="Ada")
    assert drain() == []


@pytest.mark.usefixtures("harness")
def test_the_result_of_a_failure_is_its_traceback() -> None:
    job = run_job("follow", "alameda.ca", name="Bad")
    assert (job.state, job.error) == ("discarded", "no such person")
    with pytest.raises(AssertionError, match=r"follow alameda\.ca: discarded at attempt 1: no such person"):
        assert job.result is None


def test_a_whole_run_is_drained_and_the_clock_goes_to_what_is_due(harness: Harness) -> None:
    before = harness.clock.now()
    enqueue("greet", "alameda.ca", name="Ada")
    enqueue("flaky", "albany.ca")
    ran = {(job.job_type, job.state, job.attempt) for job in drain()}
    assert ran == {("greet", "completed", 1), ("follow", "completed", 1), ("flaky", "completed", 2)}
    assert (harness.clock.now() - before).total_seconds() > 3600


@pytest.mark.usefixtures("harness")
def test_a_failed_assertion_lists_what_waits() -> None:
    enqueue("follow", "alameda.ca", name="Ada")
    with pytest.raises(AssertionError, match=r"0 jobs wait that match follow, name='Bob'.*\n.*follow alameda.ca"):
        assert_enqueued("follow", name="Bob")


def test_a_plugin_that_is_quarantined_fails_the_test(clerk_harness: Harness) -> None:
    class Misspelt:
        @hookimpl
        def register_job_type(self) -> None: ...

    with pytest.raises(ClerkError, match="did you mean register_job_types"):
        clerk_harness.add_plugin(Misspelt)


def test_outside_of_a_harness_the_functions_say_what_is_missing() -> None:
    with pytest.raises(UsageError, match="use the fixture clerk_harness"):
        drain()


@pytest.mark.usefixtures("harness")
def test_a_plugin_enqueues_many_jobs_at_once(harness: Harness) -> None:
    for site in ("alameda.ca", "albany.ca"):
        harness.add_site(site)
    requests = [JobRequest("follow", site, {"name": name}) for site in ("alameda.ca", "albany.ca") for name in "ab"]
    ids = enqueue_many(requests)
    assert {(job.subdomain, job.arguments["name"], job.job_id in ids) for job in drain()} == {
        (site, name, True) for site in ("alameda.ca", "albany.ca") for name in "ab"
    }
    with pytest.raises(NotFoundError, match="Did you mean follow"):
        enqueue_many([*requests, JobRequest("folow", "alameda.ca")])
    assert enqueued() == []
