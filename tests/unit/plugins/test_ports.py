"""The core finds the program around it by name."""

from __future__ import annotations

import re
import sys

import pytest

from clerk.errors import ClerkError
from clerk.providers import port
from clerk.queue import generate_run_id


def test_a_port_is_the_module_that_the_entry_point_names() -> None:
    assert port("queue") is sys.modules["clerk_tasks.queue"]


def test_a_port_that_nobody_supplies_says_what_to_install() -> None:
    with pytest.raises(ClerkError, match=r"clerk's telephone .* install clerk-tasks"):
        port("telephone")


def test_the_command_line_is_reachable_by_its_old_names() -> None:
    import clerk
    from clerk.cli import cli, main
    from clerk_tasks.cli import main as module

    assert (cli, main) == (module.cli, module.main)
    assert clerk.main is module.main


def test_run_ids_have_the_form_that_other_programs_read() -> None:
    ids = {generate_run_id("berkeley.ca") for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"berkeley\.ca_\d{10}_[a-z0-9]{6}", run_id) for run_id in ids)
