"""`clerk-tasks metrics` serves what Prometheus reads, and says in a line what is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from clerk.errors import UsageError
from clerk_tasks.cli.main import main
from clerk_tasks.metrics import prepare
from clerk_tasks.metrics.server import MetricsServer, parse_address
from devtools.processes import Programs

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    """Serve metrics, and return where."""
    prepare()
    with MetricsServer("127.0.0.1", 0) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server.url
        server.shutdown()
        serving.join()


@SQLITE
def test_a_scrape_is_the_text_format(url: str) -> None:
    answer = httpx.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"clerk_queue_oldest_age_seconds", "clerk_jobs", "clerk_ledger_scrape_seconds"} <= names
    assert httpx.head(url).headers["content-type"] == answer.headers["content-type"]


@SQLITE
def test_nothing_else_is_served(url: str) -> None:
    assert httpx.get(url.removesuffix("/metrics")).status_code == 404
    assert httpx.get(url + "/../etc/passwd").status_code == 404
    assert httpx.post(url).status_code == 501


@SQLITE
def test_a_database_that_is_away_is_a_failed_scrape(url: str, engine: Engine) -> None:
    database = Path(str(engine.url.database))
    database.rename(database.with_suffix(".away"))
    answer = httpx.get(url)
    assert answer.status_code == 503
    assert "There is no database" in answer.text
    database.with_suffix(".away").rename(database)
    assert httpx.get(url).status_code == 200


@SQLITE
def test_an_address_that_is_taken_is_one_line(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["metrics", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 1
    assert capsys.readouterr().err.endswith("Address already in use.\n")


def test_addresses() -> None:
    assert parse_address("127.0.0.1:9801") == ("127.0.0.1", 9801)
    assert parse_address("[::1]:0") == ("::1", 0)
    assert parse_address("localhost:9801") == ("localhost", 9801)


@pytest.mark.parametrize("text", ["", "9801", ":9801", "host:", "host:x", "host:70000", "host:-1", "::1:9801", "h:٣"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"HOST:PORT"):
        parse_address(text)


@SQLITE
def test_once_prints_the_metrics(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "--once"]) == 0
    printed = capsys.readouterr().out
    assert 'clerk_queue_depth{priority="normal",queue="default"} 0.0\n' in printed
    assert "clerk_health_level 1.0\n" in printed


@pytest.mark.slow
def test_the_program_serves_until_a_signal_ends_it(engine: Engine, database_url: str, programs: Programs) -> None:
    serving = programs.clerk("metrics", "--listen", "127.0.0.1:0", env={"DATABASE_URL": database_url})
    serving.wait_for_log("Metrics are at http://")
    url = serving.log.split("Metrics are at ")[1].split()[0]
    assert "clerk_health_level 1.0" in httpx.get(url).text
    assert serving.terminate() == 0
