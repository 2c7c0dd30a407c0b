"""`each_crash`: an attempt ends at each point at which a process can be killed; what happens twice is seen."""

from __future__ import annotations

import pytest

from clerk import JobType, current_job, hookimpl
from clerk.paths import site_dir
from clerk.testing import Harness, crash_here, each_crash, run_job

sent: list[str] = []


def keyed(subdomain: str) -> None:
    """Send under the job's id, to one who drops what it has already."""
    if current_job().job_id not in sent:
        sent.append(current_job().job_id)
    crash_here("after the letter is sent")


def careless(subdomain: str) -> None:
    """Send, and remember nothing."""
    sent.append("letter")
    crash_here("after the letter is sent")


def two_files(subdomain: str) -> None:
    folder = site_dir(subdomain)
    folder.mkdir(parents=True, exist_ok=True)
    drafts = {folder / f".{name}": folder / name for name in ("a", "b")}
    for draft in drafts:
        draft.write_text(str(current_job().attempt))
    try:
        current_job().commit_files(drafts)
    finally:
        sent.append("cleaned up")


class Letters:
    @hookimpl
    def register_job_types(self) -> dict[str, object]:
        once = JobType(two_files, max_attempts=1)
        return {"keyed": keyed, "careless": careless, "two-files": two_files, "once": once}


@pytest.fixture
def harness(clerk_harness: Harness) -> Harness:
    sent.clear()
    clerk_harness.add_plugin(Letters)
    return clerk_harness


@pytest.mark.usefixtures("harness")
def test_an_effect_under_the_jobs_id_happens_once_wherever_it_crashes() -> None:
    crashes = []
    for job in each_crash("keyed", "alameda.ca"):
        assert (job.completed, sent) == (True, [job.job_id])
        assert job.attempt == (2 if job.crash else 1)
        crashes.append(job.crash)
        sent.clear()
    assert crashes == [None, "after the letter is sent", "before the end is recorded"]


@pytest.mark.usefixtures("harness")
def test_an_effect_without_a_key_is_seen_to_happen_twice() -> None:
    numbers = {}
    for job in each_crash("careless", "alameda.ca"):
        numbers[job.crash] = len(sent)
        sent.clear()
    assert numbers == {None: 1, "after the letter is sent": 2, "before the end is recorded": 2}


def test_it_crashes_around_each_fence_and_between_files(harness: Harness) -> None:
    folder, found = harness.storage / "alameda.ca", {}
    for job in each_crash("two-files", "alameda.ca"):
        found[job.crash] = [(folder / name).read_text() for name in ("a", "b")]
    assert found == {
        None: ["1", "1"],
        "before commit_files": ["2", "2"],
        "between two files of commit_files": ["2", "2"],
        "after commit_files": ["2", "2"],
        "before the end is recorded": ["2", "2"],
    }


@pytest.mark.usefixtures("harness")
def test_a_job_of_one_attempt_does_not_survive_a_crash() -> None:
    states = [job.state for job in each_crash("once", "alameda.ca")]
    assert states == ["completed", *["discarded"] * 4]


@pytest.mark.usefixtures("harness")
def test_elsewhere_a_point_does_nothing() -> None:
    crash_here("outside of a job")
    assert run_job("careless", "alameda.ca").completed
    assert sent == ["letter"]
