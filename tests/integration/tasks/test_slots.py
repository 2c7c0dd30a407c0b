"""What a tick does with the slots that are due, and that each keeps its fate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clerk import pauses
from clerk.database.clock import database_time
from clerk.database.tables import jobs_table, schedule_slots_table, sites_table
from clerk.database.transactions import transaction
from clerk.errors import ConflictError
from clerk_tasks.cli.main import main
from clerk_tasks.schedules import declared, slots
from clerk_tasks.schedules.slots import Fired
from devtools.plugin_files import imports_undone, write_plugin
from devtools.services import free_port

PLUGIN = """
from clerk import CatchUp, JobRequest, Schedule

def work(subdomain):
    pass

def choose(connection):
    return [JobRequest("work", "a.ca")]

def with_a_bad_one(connection):
    return [JobRequest("work", "San_Jose.CA"), JobRequest("work", "a.ca")]

def write(connection):
    connection.exec_driver_sql("UPDATE sites SET name = 'x'")
    return [JobRequest("work", "a.ca")]

def stumble(connection):
    raise RuntimeError("the plugin's own mistake\\x00")

def nothing(connection):
    return []

class Plugin:
    @hookimpl
    def register_job_types(self):
        return {"work": work}

    @hookimpl
    def register_schedules(self):
        return [SCHEDULES]
"""
Declare = Callable[..., None]


@pytest.fixture
def declare(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Declare]:
    """Declare schedules, each seen for the first time so many minutes ago."""
    monkeypatch.setenv("BROKER_URL", redis_url)

    def put(minutes_ago: float, **schedules: str) -> None:
        lines = [f'Schedule("{name}", "* * * * *", {rest})' for name, rest in schedules.items()]
        write_plugin(Path("plugins/p.py"), PLUGIN.replace("SCHEDULES", ", ".join(lines)))
        with transaction() as connection:
            connection.execute(sa.insert(sites_table).values(subdomain="a.ca"))
            began = database_time(connection) - timedelta(minutes=minutes_ago)
            for name in schedules:
                slots._decide(connection, Fired(name, began, "began"))

    with imports_undone(tmp_path):
        yield put


def fates(name: str) -> list[str]:
    query = sa.select(schedule_slots_table.c.fate).where(schedule_slots_table.c.schedule == name)
    with transaction() as connection:
        return list(connection.execute(query.order_by(schedule_slots_table.c.due_at)).scalars())


def count_jobs() -> int:
    with transaction() as connection:
        number: int = connection.execute(sa.select(sa.func.count()).select_from(jobs_table)).scalar_one()
    return number


def ours(fired: list[Fired]) -> list[Fired]:
    return [each for each in fired if not each.schedule.startswith("finance")]


@pytest.mark.parametrize(("policy", "before"), [("ONCE", "missed"), ("ALL", "enqueued")])
def test_missed_slots_are_caught_up_with_by_the_schedules_policy(declare: Declare, policy: str, before: str) -> None:
    """Guard: _divide."""
    declare(4, s=f"choose, catch_up=CatchUp.{policy}")
    slots.tick()
    began, *earlier, newest = fates("s")
    assert (began, set(earlier), newest) == ("began", {before}, "enqueued")
    assert len(earlier) >= 3
    assert count_jobs() == fates("s").count("enqueued")


def test_a_beat_that_was_away_for_very_long_remembers_the_newest_slots(declare: Declare) -> None:
    """Guard: MOST_MISSED. A year of minutes would hold up every other schedule."""
    declare(slots.MOST_MISSED + 500, s="choose")
    slots.tick()
    assert len(fates("s")) == slots.MOST_MISSED + 2, "the older ones together are one"
    assert count_jobs() == 1


def test_a_year_away_is_decided_at_once(declare: Declare) -> None:
    declare(400 * 24 * 60, s="choose")
    with transaction() as connection:
        before = database_time(connection)
    first, *_ = ours(slots.tick())
    assert first.fate == "missed"
    assert first.detail is not None
    assert first.detail.startswith("every slot after ")
    with transaction() as connection:
        assert database_time(connection) - before < timedelta(seconds=60)


def test_slots_of_a_clock_that_was_ahead_silence_no_schedule(declare: Declare) -> None:
    declare(2, s="choose")
    with transaction() as connection:
        ahead = database_time(connection) + timedelta(days=400)
        slots._decide(connection, Fired("s", ahead, "enqueued"))
    assert [fired.fate for fired in ours(slots.tick())] == ["missed", "enqueued"]
    with transaction() as connection:
        assert slots.describe(slots.find("s"), connection)["last"] < ahead.isoformat()


def test_a_schedule_may_only_read(declare: Declare) -> None:
    declare(1, s="write")
    (fired,) = ours(slots.tick())
    assert (fired.fate, count_jobs()) == ("failed", 0)
    assert fired.detail is not None
    assert fired.detail.startswith("it may only read:")
    with transaction() as connection:  # another, that the same connection may serve
        connection.execute(sites_table.update().values(name="x"))


def test_a_schedule_that_skips_waits_for_its_next_slot(declare: Declare) -> None:
    """Guard: ON_TIME: a slot met within five minutes is not late."""
    declare(60, s="choose, catch_up=CatchUp.SKIP")
    slots.tick()
    assert fates("s")[-1] == "enqueued", "the newest slot is on time"
    assert set(fates("s")[1:-1]) == {"missed"}
    assert count_jobs() == 1


def test_a_schedule_seen_for_the_first_time_begins_now(declare: Declare) -> None:
    """Guard: `began`: nobody wants the slots of before there was a schedule."""
    declare(0)
    write_plugin(Path("plugins/p.py"), PLUGIN.replace("SCHEDULES", 'Schedule("new", "* * * * *", choose)'))
    assert [fired for fired in slots.tick() if fired.schedule == "new"] == []
    assert (fates("new"), count_jobs()) == (["began"], 0)


def test_a_slot_with_nothing_to_do_says_so(declare: Declare) -> None:
    declare(1.5, s="nothing")
    slots.tick()
    assert fates("s")[-1] == "nothing"


def test_a_plugins_mistake_fails_its_slots_and_no_other(declare: Declare) -> None:
    """Guards: _fire_due's except, and a transaction per slot: under ALL, each keeps its own fate."""
    declare(3, a="choose", bad="stumble, catch_up=CatchUp.ALL", z="choose")
    slots.tick()
    assert set(fates("bad")[1:]) == {"failed"}
    assert len(fates("bad")) >= 4
    assert (fates("a")[-1], fates("z")[-1]) == ("enqueued", "enqueued")
    with transaction() as connection:
        detail = connection.execute(
            sa.select(schedule_slots_table.c.detail).where(schedule_slots_table.c.fate == "failed")
        ).scalars()
        place = f"{Path('plugins/p.py').resolve()}:20"
        assert set(detail) == {f"RuntimeError: the plugin's own mistake? (schedule bad, {place})"}


def test_many_ticks_at_once_fire_each_slot_once(declare: Declare) -> None:
    """Guard: the primary key of schedule_slots, taken before the jobs are recorded."""
    declare(5, s="choose, catch_up=CatchUp.ALL")
    declared.gather()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(slots.tick) for _ in range(8)]:
            done.result(60)
    assert count_jobs() == fates("s").count("enqueued") == len(fates("s")) - 1 >= 5


def test_slots_are_recorded_while_the_broker_is_down(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guard: beat ticks in its own process and needs no message for it."""
    monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    declare(1.5, s="choose")
    slots.tick()
    assert fates("s")[-1] == "enqueued"
    assert count_jobs() >= 1


def test_a_site_with_a_bad_name_costs_the_others_no_slot(declare: Declare) -> None:
    declare(1, mixed="with_a_bad_one")
    (fired,) = ours(slots.tick())
    assert (fired.fate, len(fired.job_ids)) == ("enqueued", 1)
    assert fired.detail == "skipped 'San_Jose.CA', which is no subdomain"


@pytest.mark.parametrize(("kind", "name"), [("schedule", "s"), ("all", "everything")])
def test_the_slots_of_a_paused_schedule_keep_that_fate(declare: Declare, kind: str, name: str) -> None:
    """Guard: find_pause in _keep. Once it is resumed they are not caught up with."""
    declare(3, s="choose, catch_up=CatchUp.ALL", other="choose")
    with transaction() as connection:
        pauses.pause(connection, kind, name, reason="a holiday", by="a test", seconds=None)
    slots.tick()
    assert set(fates("s")) == {"began", "paused"}
    assert ("enqueued" in fates("other")) == (kind == "schedule")
    enqueued = count_jobs()
    with transaction() as connection:
        assert "a holiday" in slots.describe(slots.find("s"), connection)["last_detail"]
        pauses.resume(connection, kind, name)
    slots.tick()
    assert "paused" in fates("s")
    assert count_jobs() == enqueued


def test_a_paused_schedule_is_not_fired_by_hand(declare: Declare) -> None:
    declare(1, s="choose")
    with transaction() as connection:
        pauses.pause(connection, "schedule", "s", reason="a holiday", by="a test", seconds=None)
    with pytest.raises(ConflictError, match="a holiday"):
        slots.fire_now("s")
    assert count_jobs() == 0


def test_the_next_slots_are_shown_in_the_time_zone_of_the_schedule(
    declare: Declare, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(1, s='choose, timezone="Asia/Kathmandu"')
    assert main(["schedule", "next", "s", "--count", "1"]) == 0
    assert re.search(r"^s .* \d{4}-\d\d-\d\d \d\d:\d\d:00\+05:45$", capsys.readouterr().out, re.MULTILINE)


def test_a_schedule_skips_a_paused_site(declare: Declare) -> None:
    """Guard: `held` in _fire, for schedules that know nothing of pauses."""
    declare(1, s="choose")
    with transaction() as connection:
        pauses.pause(connection, "site", "a.ca", reason="r", by="a test", seconds=None)
    (fired,) = [fired for fired in ours(slots.tick()) if fired.fate != "missed"]
    assert (fired.fate, fired.detail) == ("nothing", "skipped a.ca, which is paused")
    assert count_jobs() == 0
