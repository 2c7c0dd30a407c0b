"""What a worker's child has traced is sent, its last span too; a collector that is away keeps nothing from running."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import Engine

from devtools.processes import Programs
from devtools.services import free_port
from tests.integration.operations.conftest import Enqueue

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]


class Collector(HTTPServer):
    """An OpenTelemetry collector that keeps the names of spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Received)
        self.spans: list[tuple[str, bytes]] = []


class _Received(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        collector = self.server
        assert isinstance(collector, Collector)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                collector.spans += [(span.name, span.trace_id) for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_a_worker_sends_its_last_span(
    engine: Engine, database_url: str, redis_url: str, programs: Programs, collector: Collector
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    env = {"DATABASE_URL": database_url, "BROKER_URL": redis_url, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    assert programs.clerk("enqueue", "parent", "alameda.ca", "--arg", 'children=["fine"]', env=env).wait() == 0
    assert programs.clerk("worker", "--burst", "-c", "1", env=env).wait() == 0
    assert sorted(name for name, _ in collector.spans) == ["enqueue parent", "process fine", "process parent"]
    assert len({trace for _, trace in collector.spans}) == 1


def test_a_collector_that_is_away_stops_nothing(
    engine: Engine, database_url: str, redis_url: str, enqueue: Enqueue, programs: Programs
) -> None:
    enqueue("fine")
    endpoint = f"http://127.0.0.1:{free_port()}"
    env = {"DATABASE_URL": database_url, "BROKER_URL": redis_url, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    worker = programs.clerk("worker", "--burst", "-c", "1", env=env)
    assert worker.wait() == 0
    assert ": completed" in worker.log
