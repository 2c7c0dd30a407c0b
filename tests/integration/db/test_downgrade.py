"""A downgrade loses nothing: what is unused is undone after a backup, and the rest is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clerk.database import migrate
from clerk.database.schema_version import HEAD, REVISIONS
from clerk.errors import ClerkError, UsageError
from clerk_tasks.cli.main import main
from tests.integration.db import samples

pytestmark = pytest.mark.slow


def test_an_unused_database_goes_back_to_every_revision_and_up_again(database_url: str) -> None:
    for revision in [*reversed(REVISIONS[:-1]), "base"]:
        done = migrate.downgrade(revision, database_url)
        assert (done.after, len(done.applied)) == (revision, 1)
        assert migrate.current(database_url).revision == (None if revision == "base" else revision)
    assert [name for name in samples.snapshot(database_url) if name != "alembic_version"] == []
    assert migrate.upgrade(database_url).after == HEAD
    assert migrate.check(database_url) == []


def test_what_was_there_before_is_there_after(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, to="9daf09ff2554")
    samples.execute(
        empty_database_url,
        "INSERT INTO sites (subdomain, name, extra) VALUES ('são.br', 'São', 'not json')",
        "INSERT INTO job_tracking (rq_job_id, subdomain, job_type) VALUES ('1', 'são.br', 'ocr-page')",
        "INSERT INTO site_progress (subdomain, current_stage) VALUES ('gone.ca', 'ocr')",
    )
    before = samples.snapshot(empty_database_url)
    migrate.upgrade(empty_database_url)
    migrate.downgrade("9daf09ff2554", empty_database_url)
    after = samples.snapshot(empty_database_url)
    assert after.keys() == before.keys()
    samples.assert_kept(before, {**after, "job_tracking_archive": after["job_tracking"]})
    done = migrate.upgrade(empty_database_url)
    assert (done.before, done.after) == ("9daf09ff2554", HEAD)
    assert migrate.check(empty_database_url) == []


SITE = "INSERT INTO sites (subdomain, name, state, {0}) VALUES ('a.ca', 'A', 'CA', {1})"


@pytest.mark.parametrize(
    ("at", "row", "reason"),
    [
        ("45db71312424", SITE.format("kind", "'city'"), "45db71312424 .*: 1 rows of sites"),
        ("9daf09ff2554", SITE.format("ocr_total", "3"), "9daf09ff2554 .*: 1 rows of sites with ocr_total"),
        ("e2eeb77e18bc", SITE.format("has_finance_data", "true"), "e2eeb77e18bc .*: 1 rows .* has_finance_data"),
        ("f3d4e5b6c7a8", SITE.format("finance_source", "'NetFile'"), "f3d4e5b6c7a8 .*: 1 rows .* finance_source"),
        (
            "bf2f44a2e00c",
            "INSERT INTO job_tracking (rq_job_id, subdomain, job_type, run_id) VALUES ('1', 'a.ca', 'x', 'r')",
            "bf2f44a2e00c .*: 1 rows of job_tracking with run_id",
        ),
        (
            HEAD,
            "INSERT INTO runs (id, subdomain, pipeline, state, options, created_at) "
            "VALUES ('r', 'a.ca', 'p', 'completed', '{}', '2026-01-01')",
            "5cfa734e6c14 .*: 1 rows of runs",
        ),
    ],
    ids=["sites", "counters", "has-finance", "finance", "run-id", "ledger"],
)
def test_what_would_be_lost_is_said_and_nothing_is_changed(
    empty_database_url: str, tmp_path: Path, at: str, row: str, reason: str
) -> None:
    migrate.upgrade(empty_database_url, to=at)
    samples.execute(empty_database_url, row)
    before = samples.snapshot(empty_database_url)
    files = {path.name for path in tmp_path.rglob("*backup*")}
    with pytest.raises(ClerkError, match=f"Migration {reason}.* restore the backup"):
        migrate.downgrade("base", empty_database_url)
    assert samples.snapshot(empty_database_url) == before
    assert {path.name for path in tmp_path.rglob("*backup*")} == files


def test_a_revision_that_is_no_way_back_is_refused(database_url: str) -> None:
    migrate.downgrade("e2eeb77e18bc", database_url)
    with pytest.raises(UsageError, match=r"There is no revision 0000; `clerk-tasks db history` lists them"):
        migrate.downgrade("0000", database_url)
    with pytest.raises(UsageError, match=f"is at e2eeb77e18bc, before {HEAD}: run `clerk-tasks db upgrade`"):
        migrate.downgrade(HEAD, database_url)
    assert migrate.downgrade("e2eeb77e18bc", database_url).applied == ()


def test_the_command_backs_up_and_says_what_it_did(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "downgrade", "f3d4e5b6c7a8"]) == 2
    assert "Add --yes" in capsys.readouterr().err
    assert main(["db", "downgrade", "f3d4e5b6c7a8", "--yes", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["before"], done["after"], done["applied"]) == (HEAD, "f3d4e5b6c7a8", [*REVISIONS[:5:-1]])
    assert Path(done["backup"]).exists()
    assert main(["db", "downgrade", "f3d4e5b6c7a8", "--yes"]) == 0
    assert "f3d4e5b6c7a8, nothing to do" in capsys.readouterr().out
