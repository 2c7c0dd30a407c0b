"""Subdomains become paths only when they are names, and paths stay inside."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk.errors import UsageError
from clerk.paths import inside, site_dir, validate_subdomain
from clerk.settings import settings


@pytest.mark.parametrize("name", ["alameda.ca", "cleveland.oh.civic.band", "a", "x-1.y", "9", "a" * 63])
def test_names_are_accepted(name: str) -> None:
    assert validate_subdomain(name) == name
    assert site_dir(name) == settings().storage_dir.resolve() / name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "a/b", "A B", "Alameda.ca", "a..b", ".a", "a.", "-a", "a-", "a_b", "a\n", "a\x00"),
        *("são.br", "\N{ARABIC-INDIC DIGIT THREE}", "a" * 64, ".".join(["abcdefgh"] * 40)),
    ],
    ids=ascii,
)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="bad subdomain") as caught:
        site_dir(name)
    assert caught.value.exit_code == 2


@given(st.text())
def test_no_text_leaves_the_storage(name: str) -> None:
    try:
        folder = site_dir(name)
    except UsageError:
        return
    assert folder.parent == settings().storage_dir.resolve()


def test_a_symbolic_link_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "way-out").symlink_to(tmp_path)

    with pytest.raises(UsageError, match="outside"):
        inside(tmp_path / "inner", "way-out", "secret")
