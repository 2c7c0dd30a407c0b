"""The plugins of docs/how-to/write-a-plugin.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clerk_tasks.cli.mount import mount_plugins
from clerk_tasks.job_types.arguments import parse_texts
from clerk_tasks.job_types.registry import registry
from tests.unit.plugins.conftest import Write, quarantined

PAGE = Path(__file__).parents[3] / "docs/how-to/write-a-plugin.md"


@pytest.fixture
def examples() -> list[str]:
    """Return the page's Python blocks."""
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)


def test_the_first_is_a_job_type_that_the_page_s_command_fits(write: Write, examples: list[str]) -> None:
    write("library_hours.py", examples[0])
    function = registry().get("library-hours").job_type.function
    texts = re.findall(r"--arg (?:'([^']*)'|(\S+))", PAGE.read_text())[:2]
    arguments = parse_texts(function, [quoted or bare for quoted, bare in texts])
    assert function("berkeley.ca", run_id="x", **arguments) == {"main": 26, "north": 26}
    assert quarantined() == []


def test_the_second_has_a_queue_and_a_pool_of_its_own(write: Write, examples: list[str]) -> None:
    write("library_hours.py", examples[1])
    job_type = registry().get("library-hours").job_type
    assert (job_type.max_attempts, job_type.time_limit) == (5, 600)
    pool = registry().pool_of_queue(job_type.queue)
    assert pool is not None
    assert (pool.name, pool.concurrency) == ("library", 2)
    assert quarantined() == []


def test_the_third_has_a_command(write: Write, examples: list[str]) -> None:
    write("library_hours.py", examples[2])
    assert "library" in mount_plugins(reserved=())
    assert quarantined() == []
