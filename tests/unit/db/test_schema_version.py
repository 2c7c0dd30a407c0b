"""Which databases this code may use."""

from __future__ import annotations

import pytest

import migrations
from clerk.database import migrate
from clerk.database.schema_version import GENERATION, HEAD, REVISIONS, Stamp


def test_the_list_of_revisions_is_the_chain() -> None:
    steps = migrate.history()

    assert [step.revision for step in steps] == list(REVISIONS)
    assert [step.follows for step in steps] == [None, *REVISIONS[:-1]]


@pytest.mark.parametrize(
    ("stamp", "advice"),
    [
        (Stamp(None, None, None), "run `clerk-tasks db upgrade`"),
        (Stamp(None, GENERATION, GENERATION), "run `clerk-tasks db upgrade`"),
        (Stamp(None, GENERATION + 2, GENERATION + 1), "install a newer clerk-tasks"),
        (Stamp(REVISIONS[3], None, None), "older than this code: run `clerk-tasks db upgrade`"),
        (Stamp("feedc0ffee00", GENERATION, GENERATION), "unknown revision feedc0ffee00"),
        (Stamp("feedc0ffee00", None, None), "unknown revision feedc0ffee00"),
        (Stamp("feedc0ffee00", GENERATION + 2, GENERATION + 1), "install a newer clerk-tasks"),
        (Stamp(f"{HEAD},feedc0ffee00", GENERATION, GENERATION), "unknown revision"),
    ],
)
def test_a_database_that_cannot_be_used_says_what_to_do(stamp: Stamp, advice: str) -> None:
    assert advice in str(stamp.problem())


@pytest.mark.parametrize(
    "stamp",
    [
        Stamp(HEAD, GENERATION, GENERATION),
        Stamp("feedc0ffee00", GENERATION + 1, GENERATION),
        Stamp("feedc0ffee00", GENERATION + 5, 1),
        Stamp(None, GENERATION + 1, GENERATION),
    ],
)
def test_code_may_use_its_own_database_and_newer_ones_that_allow_it(stamp: Stamp) -> None:
    assert stamp.problem() is None


def test_an_installation_folder_may_have_a_percent_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic reads its options through configparser, which gives the sign a meaning."""
    monkeypatch.setattr(migrations, "__file__", "/opt/100%(done)s/migrations/__init__.py")

    assert migrate.alembic_config().get_main_option("script_location") == "/opt/100%(done)s/migrations"
