"""Publishing again and again: what readers see, what is kept to go back to, and what is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from subprocess import PIPE

import pytest

from clerk.errors import ConflictError, NotFoundError, UsageError
from clerk.fetching.fetch_state import FetchState, Record
from clerk.publication import Refused, accepting_shrink, provenance
from clerk.settings import settings
from devtools.cities import City, texts_of
from devtools.processes import wait_for
from plugins.local_publish import LocalPublishPlugin
from plugins.local_publish.deploy import Outcome, publish_site, shelves
from plugins.local_publish.shelf import Shelf, locked


def outcome(city: City) -> Outcome:
    """Publish, and return what became of meetings.db."""
    return publish_site(city.subdomain)[0].outcome


def shelf(city: City) -> Shelf:
    return shelves(city.subdomain)[0]


def test_what_was_compiled_is_published_and_says_where_it_is_from(city: City) -> None:
    source = city.compile("The first page.", "The second.")
    record = city.storage / "txt/Council/2026-01-02/.document.json"
    record.write_text('{"sha256": "abc", "pages": 2}')
    state = FetchState(records={"7/minutes": Record("Council/2026-01-02", title="Approved minutes")})
    (city.storage / "fetch_state.json").write_text(state.dump())
    LocalPublishPlugin().deploy_municipality(city.subdomain)
    assert city.read() == texts_of(source) == ["The first page.", "The second."]
    known = provenance(city.live)
    assert known is not None
    assert (known.run_id, known.total) == ("by-hand", 2)
    with closing(sqlite3.connect(city.live)) as connection:
        sources = dict(connection.execute("SELECT source, sha256 FROM clerk_sources"))
        assert sources == {"minutes/Council/2026-01-02": "abc", "meetings.db": known.content_hash}
        titles = dict(connection.execute("SELECT source, title FROM clerk_sources"))
        assert titles == {"minutes/Council/2026-01-02": "Approved minutes", "meetings.db": None}
        found = connection.execute("SELECT count(*) FROM minutes_fts WHERE minutes_fts MATCH 'second'").fetchone()
        assert found == (1,)


def test_the_finance_database_is_published_too(city: City) -> None:
    city.compile("A page.").rename(city.storage / "other.db")
    (city.storage / "finance").mkdir()
    (city.storage / "other.db").rename(city.storage / "finance" / "election_finance.db")
    reports = publish_site(city.subdomain)
    assert [(report.database, report.outcome) for report in reports] == [
        ("meetings.db", Outcome.MISSING),
        ("finance/election_finance.db", Outcome.PUBLISHED),
    ]
    assert texts_of(city.published / "finance" / "election_finance.db") == ["A page."]


def test_without_a_folder_nothing_happens(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLERK_PUBLISH_DIR")
    city.compile("A page.")
    before = sorted(Path.cwd().parent.rglob("*"))
    plugin = LocalPublishPlugin()
    plugin.deploy_municipality(city.subdomain)
    plugin.post_deploy({"subdomain": city.subdomain})
    assert plugin.upload_static_file is None, "pictures would be drawn for nobody"
    assert sorted(Path.cwd().parent.rglob("*")) == before


@pytest.mark.parametrize("how", ["environment", ".env"])
def test_static_files_are_taken_where_there_is_a_folder(city: City, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == ".env":
        monkeypatch.delenv("CLERK_PUBLISH_DIR")
        Path(".env").write_text("CLERK_PUBLISH_DIR=here\n")
    assert callable(LocalPublishPlugin().upload_static_file)


def test_the_same_again_is_no_new_version(city: City) -> None:
    city.compile("A page.")
    assert outcome(city) is Outcome.PUBLISHED
    published = city.live.stat()
    city.compile("A page.")  # another file with the same bytes
    assert outcome(city) is Outcome.UNCHANGED
    assert (city.live.stat().st_ino, city.versions()) == (published.st_ino, [["A page."]])


def test_a_new_site_without_a_page_waits(city: City) -> None:
    city.compile()
    assert outcome(city) is Outcome.MISSING
    assert not city.live.exists()
    assert city.versions() == []


def test_what_is_refused_changes_nothing(city: City) -> None:
    city.compile(*"abcdefghij")
    outcome(city)
    before = city.live.read_bytes()
    for texts, reason in [("a", "has 1 rows after 10"), ("", "is empty")]:
        source = city.compile(*texts)
        with pytest.raises(Refused, match=f"^{source} was not published, it {reason}"):
            publish_site(city.subdomain)
    (city.storage / "meetings.db").write_text("no database at all" * 1000)
    with pytest.raises(Refused, match=f"^{city.storage}/meetings.db was not published, it cannot be read"):
        publish_site(city.subdomain)
    assert city.live.read_bytes() == before
    assert city.versions() == [[*"abcdefghij"]]
    assert not list(city.published.rglob("new"))


def test_what_was_refused_is_published_when_told_to(city: City) -> None:
    city.compile(*"abcdefghij")
    outcome(city)
    city.compile("a")
    with accepting_shrink():
        assert outcome(city) is Outcome.PUBLISHED
    assert city.read() == ["a"]
    city.compile("b", "c")
    assert outcome(city) is Outcome.PUBLISHED, "compared with what is published now, not with the largest ever"


def test_one_refused_database_does_not_hold_up_the_other(city: City) -> None:
    (city.storage / "finance").mkdir(parents=True)
    city.compile("A page.").rename(city.storage / "finance" / "election_finance.db")
    (city.storage / "meetings.db").write_text("no database" * 1000)
    with pytest.raises(Refused, match=r"meetings\.db"):
        publish_site(city.subdomain)
    assert texts_of(city.published / "finance" / "election_finance.db") == ["A page."]


def test_a_rollback_holds_until_something_else_is_compiled(city: City) -> None:
    for text in ("good", "worse", "bad"):
        city.compile(text)
        outcome(city)
    shelf(city).roll_back()
    shelf(city).roll_back()
    assert city.read() == ["good"]
    assert outcome(city) is Outcome.WITHDRAWN, "the night's job compiles the same"
    assert city.read() == ["good"]
    city.compile("better")
    assert outcome(city) is Outcome.PUBLISHED
    assert city.versions() == [["good"], ["better"]]
    shelf(city).roll_back()
    assert city.read() == ["good"]


def test_what_readers_see_is_kept_however_few_are(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("one", "two", "three"):
        city.compile(text)
        outcome(city)
    shelf(city).roll_back("1")
    city.compile("one")
    monkeypatch.setenv("CLERK_PUBLISH_KEEP", "1")
    settings.discard()
    assert outcome(city) is Outcome.UNCHANGED
    assert city.versions() == [["one"], ["three"]]


def test_any_version_can_be_gone_to(city: City) -> None:
    for text in ("one", "two", "three"):
        city.compile(text)
        outcome(city)
    last = shelf(city).versions()[-1]
    assert shelf(city).roll_back("1").number == 1
    assert city.read() == ["one"]
    assert shelf(city).roll_back(last.name) == last
    assert city.read() == ["three"]
    with pytest.raises(ConflictError, match="is what is published now"):
        shelf(city).roll_back("3")
    with pytest.raises(NotFoundError, match=r"no version '9'; there are 0001-.*, 0002-.*, 0003-"):
        shelf(city).roll_back("9")


def test_there_may_be_nothing_to_go_back_to(city: City) -> None:
    with pytest.raises(NotFoundError, match="publish it first"):
        shelf(city).roll_back()
    city.compile("one")
    outcome(city)
    with pytest.raises(NotFoundError, match="no version before 0001-"):
        shelf(city).roll_back()


def test_a_database_that_somebody_else_put_there_can_be_gone_back_to(city: City) -> None:
    city.published.mkdir(parents=True)
    city.compile("old", "ways").rename(city.live)
    city.compile("new", "ways")
    assert outcome(city) is Outcome.PUBLISHED
    shelf(city).roll_back()
    assert city.read() == ["old", "ways"]


WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.executescript("PRAGMA journal_mode = WAL; UPDATE minutes SET date = 'never'")
print("ready", flush=True)
sys.stdin.read()
connection.close()
"""


def test_a_database_in_use_by_a_writer_is_left_alone(city: City) -> None:
    city.published.mkdir(parents=True)
    city.compile("old").rename(city.live)
    city.compile("new")
    with subprocess.Popen([sys.executable, "-c", WRITER, city.live], stdin=PIPE, stdout=PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(ConflictError, match=r"meetings\.db-wal exists: a program writes"):
            publish_site(city.subdomain)
        assert texts_of(city.live) == ["old"]
        writer.communicate()
    assert outcome(city) is Outcome.PUBLISHED


def test_versions_cannot_be_changed_by_writing_into_the_published_file(city: City) -> None:
    city.compile("one")
    outcome(city)
    assert city.live.stat().st_mode & 0o222 == 0


def test_one_publishes_at_a_time(city: City) -> None:
    city.compile("one")
    with locked(city.published), pytest.raises(ConflictError, match="try again in a moment"):
        publish_site(city.subdomain)
    assert outcome(city) is Outcome.PUBLISHED


def test_a_job_waits_for_another_that_publishes_the_same_site(city: City) -> None:
    """Its meetings and its finances may be ready at once, and neither has failed for that."""
    city.compile("one")
    with ThreadPoolExecutor(1) as pool:
        with locked(city.published):
            waiting = pool.submit(LocalPublishPlugin().deploy_municipality, city.subdomain)
            wait_for(lambda: waiting.done() or waits_for(city.published / ".lock"), "it waits or ends")
            assert not waiting.done()
        waiting.result(timeout=10)
    assert city.read() == ["one"]


def waits_for(lock: Path) -> bool:
    """Tell whether somebody waits for a lock, as Linux says."""
    entries = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
    return any(entry[-3].endswith(f":{lock.stat().st_ino}") for entry in entries)


@pytest.mark.parametrize("name", ["static", "sites.db", "../elsewhere", "A B", ""])
def test_a_sites_name_leads_to_no_other_folder(city: City, name: str) -> None:
    with pytest.raises(UsageError):
        publish_site(name)
    assert not city.published.parent.exists()
