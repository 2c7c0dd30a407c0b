"""The reference of commands is what the program says of itself."""

from __future__ import annotations

import pytest

from devtools.command_reference import PAGE, render


@pytest.mark.slow
def test_the_page_is_the_programs_own_help() -> None:
    assert PAGE.read_text() == render(), "run `python -m devtools.command_reference`"
