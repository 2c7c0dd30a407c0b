"""Which databases this code may use."""

from __future__ import annotations

import pytest

import migrations
from clerk.database import migrate
from clerk.database.schema_version import GENERATION, HEAD, REVISIONS, SchemaStamp


def test_the_list_of_revisions_is_the_chain() -> None:
    steps = migrate.history()

    assert [step.revision for step in steps] == list(REVISIONS)
    assert [step.follows for step in steps] == [None, *REVISIONS[:-1]]


@pytest.mark.parametrize(
    ("stamp", "advice"),
    [
        (SchemaStamp(None, None, None), "run `clerk-tasks db upgrade`"),
        (SchemaStamp(None, GENERATION, GENERATION), "run `clerk-tasks db upgrade`"),
        (SchemaStamp(None, GENERATION + 2, GENERATION + 1), "install a newer clerk-tasks"),
        (SchemaStamp(REVISIONS[3], None, None), "older than this code: run `clerk-tasks db upgrade`"),
        (SchemaStamp("feedc0ffee00", GENERATION, GENERATION), "unknown revision feedc0ffee00"),
        (SchemaStamp("feedc0ffee00", None, None), "unknown revision feedc0ffee00"),
        (SchemaStamp("feedc0ffee00", GENERATION + 2, GENERATION + 1), "install a newer clerk-tasks"),
        (SchemaStamp(f"{HEAD},feedc0ffee00", GENERATION, GENERATION), "unknown revision"),
    ],
)
def test_a_database_that_cannot_be_used_says_what_to_do(stamp: SchemaStamp, advice: str) -> None:
    assert advice in str(stamp.problem())


@pytest.mark.parametrize(
    "stamp",
    [
        SchemaStamp(HEAD, GENERATION, GENERATION),
        SchemaStamp("feedc0ffee00", GENERATION + 1, GENERATION),
        SchemaStamp("feedc0ffee00", GENERATION + 5, 1),
        SchemaStamp(None, GENERATION + 1, GENERATION),
    ],
)
def test_code_may_use_its_own_database_and_newer_ones_that_allow_it(stamp: SchemaStamp) -> None:
    assert stamp.problem() is None


def test_an_installation_folder_may_have_a_percent_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic reads its options through configparser, which gives the sign a meaning."""
    monkeypatch.setattr(migrations, "__file__", "/opt/100%(done)s/migrations/__init__.py")

    assert migrate.alembic_config().get_main_option("script_location") == "/opt/100%(done)s/migrations"
