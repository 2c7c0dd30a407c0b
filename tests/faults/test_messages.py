"""Whatever lies in the queue, the worker goes on, and the jobs behind it run; what is too large never gets there."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from clerk.database.tables import jobs_table, runs_table, stages_table
from clerk.errors import UsageError
from devtools import messages
from devtools.plugin_files import write_plugin
from devtools.processes import wait_for
from devtools.system import SITE, System

BODY = json.dumps([["no-such-job"], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
NOTE = {"task": "clerk.note", "id": "no-such-job", "lang": "py"}
PICKLE = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."

#: F15, and what else a stranger, an old version or a broken disk may have left.
GARBAGE: dict[str, Callable[[], None]] = {
    "bytes": lambda: messages.send_bytes(b"\xff\xfe\x00 garbage"),
    "text": lambda: messages.send_bytes(b"hello"),
    "nothing": lambda: messages.send_bytes(b""),
    "a list": lambda: messages.send_bytes(b"[1, 2]"),
    "an empty object": lambda: messages.send_bytes(b"{}"),
    "an envelope without a tag": lambda: messages.send_bytes(b'{"body": "x", "properties": {}, "headers": {}}'),
    "a body that is not JSON": lambda: messages.send("{", headers=NOTE, content_type="application/json"),
    "a body of another shape": lambda: messages.send("17", headers=NOTE, content_type="application/json"),
    "a pickle": lambda: messages.send(PICKLE, headers=NOTE, content_type="application/x-python-serialize"),
    "a pickle without headers": lambda: messages.send(PICKLE, content_type="application/x-python-serialize"),
    "no headers": lambda: messages.send(BODY, content_type="application/json"),
    "no id": lambda: messages.send(BODY, headers={"task": "clerk.note"}, content_type="application/json"),
    "a task of another shape": lambda: messages.send(BODY, headers={"task": [1]}, content_type="application/json"),
    "an unknown task": lambda: messages.send(
        BODY, headers={"task": "clerk.never", "id": "no-such-job"}, content_type="application/json"
    ),
    "a task without an id": lambda: messages.send(
        BODY, headers={"task": "clerk.never"}, content_type="application/json"
    ),
    "a job that is not there": lambda: messages.send(BODY, headers=NOTE, content_type="application/json"),
    "an id that is a list": lambda: messages.send(BODY, headers=NOTE | {"id": ["x"]}, content_type="application/json"),
    "an id of a megabyte": lambda: messages.send_bytes(b'{"id": "' + b"x" * 1_000_000 + b'"}'),
    "text in place of numbers": lambda: messages.send_bytes(
        b'{"body": NaN, "properties": Infinity, "headers": -Infinity}'
    ),
    "another encoding": lambda: messages.send_bytes('{"body": "x"}'.encode("utf-16")),
    "what Celery would have to wait for": lambda: messages.send(
        BODY, headers=NOTE | {"eta": "x", "expires": [1], "timelimit": "x"}, content_type="application/json"
    ),
    "a body that claims to be compressed": lambda: messages.send(
        BODY, headers=NOTE | {"compression": "zlib"}, content_type="application/json"
    ),
    **{what: partial(messages.send_unreadable, properties) for what, properties in messages.UNREADABLE.items()},
    "an unknown content type": lambda: messages.send("<a/>", headers=NOTE, content_type="text/xml"),
}


@pytest.mark.fault("F15")
def test_garbage_in_the_queue_holds_up_nothing(every_broker_system: System) -> None:
    """Bare Celery's worker dies of one, and where the broker delivers it again, so does the next."""
    system = every_broker_system
    worker = system.worker()
    child = worker.children()
    for what, send in GARBAGE.items():
        send()
        job_id = system.enqueue("note", key="behind")
        assert system.wait_for_end(job_id, deadline=20) == ["completed"], what
        assert worker.alive, what
    wait_for(lambda: messages.depth() == 0, "nothing of it stays", logs=lambda: worker.log)
    assert worker.children() == child, "not even a pool process died"
    assert set(system.effects().values()) == {1}
    assert len(system.effects()) == len(GARBAGE)


DEEP = "[" * 100_000
#: What may arrive where workers listen for orders by remote control.
ORDERS: dict[str, Callable[[], None]] = {
    "bytes": lambda: messages.broadcast_bytes(b"\xff\xfe\x00 garbage"),
    "a number": lambda: messages.broadcast_bytes(b"17"),
    "an empty object": lambda: messages.broadcast_bytes(b"{}"),
    "what is nested too deep": lambda: messages.broadcast_bytes(DEEP.encode()),
    "a body that is not JSON": lambda: messages.broadcast("{"),
    "a body that is nested too deep": lambda: messages.broadcast(DEEP),
    "a body of another shape": lambda: messages.broadcast('"x"'),
    "a pickle": lambda: messages.broadcast(PICKLE, content_type="application/x-python-serialize"),
    "an unknown order": lambda: messages.broadcast('{"method": "never", "arguments": {}}'),
    "no name of an order": lambda: messages.broadcast('{"method": [], "arguments": {}}'),
    "no arguments": lambda: messages.broadcast('{"method": "ping", "arguments": 5}'),
    "a reply to nowhere": lambda: messages.broadcast('{"method": "ping", "arguments": {}, "reply_to": 17}'),
    "a queue that is no name": lambda: messages.broadcast(
        '{"method": "add_consumer", "arguments": {"queue": {"a": 1}}}'
    ),
    "queues in a list": lambda: messages.broadcast(
        '{"method": "cancel_consumer", "arguments": {"queue": ["default"]}}'
    ),
    "a queue that the broker refuses": lambda: messages.broadcast(
        '{"method": "add_consumer", "arguments": {"queue": "x", "exchange": "celery.pidbox", "exchange_type": "topic"}}'
    ),
    "a time limit that is not a number": lambda: messages.broadcast(
        '{"method": "time_limit", "arguments": {"task_name": "clerk.note", "hard": "x", "soft": "y"}}'
    ),
    "a queue of no kind": lambda: messages.broadcast(
        '{"method": "add_consumer", "arguments": {"queue": "x", "exchange": [], "exchange_type": 5}}'
    ),
    "a number of children that is not a number": lambda: messages.broadcast(
        '{"method": "pool_grow", "arguments": {"n": "x"}}'
    ),
}


@pytest.mark.fault("F15")
def test_garbage_among_the_orders_holds_up_nothing(every_broker_system: System) -> None:
    """Bare Celery's worker dies of a deep one, and of a queue that is no name."""
    system = every_broker_system
    worker = system.worker()
    for what, send in ORDERS.items():
        send()
        job_id = system.enqueue("note", key="behind")
        assert system.wait_for_end(job_id, deadline=30) == ["completed"], (what, worker.log)
        assert worker.alive, (what, worker.log)


@pytest.mark.slow
@pytest.mark.fault("F16")
@pytest.mark.fast
@pytest.mark.parametrize("size", [65_000, 200_000_000], ids=["65 kB", "200 MB"])
def test_arguments_that_are_too_large_are_refused_and_nothing_is_recorded(system: System, size: int) -> None:
    with pytest.raises(UsageError, match=r"the limit is 64 kB: put the data in a file"):
        system.enqueue("note", key="x" * (size + 1_000))
    with system.engine.connect() as connection:
        for table in (runs_table, stages_table, jobs_table):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0


@pytest.mark.fault("F16")
def test_the_command_line_refuses_them_too(system: System) -> None:
    """In one line, as a usage error."""
    enqueue = system.programs.clerk("enqueue", "note", SITE, "--arg", f"key={'x' * 66_000}")
    assert enqueue.wait() == 2
    assert "the limit is 64 kB" in enqueue.log
    assert len(enqueue.log) < 500


@pytest.mark.fault("F17")
def test_a_job_whose_type_this_worker_does_not_know_waits_for_one_that_does(system: System, tmp_path: Path) -> None:
    """A rolling deploy: the old worker has the message first, the new one has the job."""
    write_plugin(tmp_path / "old" / "old.py", "class Old:\n    pass\n")
    old = system.worker(env={"CLERK_PLUGINS_DIR": str(tmp_path / "old")})
    job_id = system.enqueue("note")
    old.wait_for_log("this worker does not know note")
    wait_for(lambda: system.job(job_id)["note"], "the job says so too", logs=lambda: old.log)
    job = system.job(job_id)
    assert (job["state"], job["attempt"]) == ("available", 0)
    assert "does not know note" in job["note"]
    system.worker()
    assert old.terminate() == 0, old.log
    assert "Traceback" not in old.log
    assert system.wait_for_end(job_id, deadline=45) == ["completed"]
    assert system.effects() == {job_id: 1}
