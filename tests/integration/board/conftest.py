"""A board over a site whose jobs have failed, completed and wait; what a city wrote is an attacker's text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import httpx
import pytest
from sqlalchemy import Engine

from clerk.application import application
from clerk.database.transactions import transaction
from clerk.fetching.failure_notes import owed_file
from clerk.fetching.fetch_state import FILE_NAME, FetchState, Record
from clerk.fetching.layout import Layout
from clerk.paths import site_dir
from clerk.sites.rows import insert_site
from clerk_tasks.board.server import BoardServer
from clerk_tasks.ledger.attempt_logs import Line, LogPart, append
from tests.integration.operations.conftest import Enqueue, engine, enqueue, work

__all__ = ["HOSTILE", "Connect", "engine", "enqueue", "work"]

#: What a stranger writes where a name, an error or a title is expected.
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\u202e\x1b[31m'
Connect = Callable[..., httpx.Client]


@pytest.fixture
def connect(engine: Engine) -> Iterator[Connect]:
    """Return how to serve a board on an address, and to reach it from this machine."""
    with ExitStack() as stack:

        def call(host: str = "127.0.0.1", **options: object) -> httpx.Client:
            server = BoardServer(host, 0)
            serving = Thread(target=server.serve)
            serving.start()
            stack.callback(serving.join)
            stack.callback(server.stop)
            url = server.url.replace("0.0.0.0", "127.0.0.1")
            return stack.enter_context(httpx.Client(base_url=url, **options))  # type: ignore[arg-type]

        yield call


@pytest.fixture
def board(connect: Connect) -> httpx.Client:
    """Return a board on this machine."""
    return connect()


@pytest.fixture
def story(
    engine: Engine, enqueue: Enqueue, work: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Return the jobs of a site: one discarded with a hostile error, one completed, one that waits."""
    monkeypatch.setenv("CLERK_PUBLISH_DIR", str(tmp_path / "published"))
    application.close()
    with transaction(engine) as connection:
        columns = {"finance_data_types": [HOSTILE], "has_finance_data": True, "extra": '{"key": "x"}'}
        insert_site(connection, {"subdomain": "hostile.ca", "name": HOSTILE, "state": "CA", **columns})
    layout = Layout(site_dir("hostile.ca"))
    record = Record("CityCouncil/2026-01-02", owed="https://city.example/1.pdf", title=HOSTILE)
    state = FetchState(records={"1/minutes": record})
    layout.root.mkdir(parents=True)
    (layout.root / FILE_NAME).write_text(state.dump())
    owed_file(layout).write_text(json.dumps(state.owed))
    jobs = {"dead": enqueue("broken", why=HOSTILE), "done": enqueue("fine")}
    work(jobs["dead"])
    with transaction(engine) as connection:
        line = Line(datetime.now(UTC), "OUTPUT", HOSTILE)
        append(connection, jobs["dead"], 1, [LogPart(0, [line], len(HOSTILE))], keep=None)
    work(jobs["done"])
    return jobs | {"waits": enqueue("fine", name="password=hunter2")}
