"""One trace per run: the enqueue, each attempt below it, each child below its parent; nothing where nothing traces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Engine

from clerk.database.tables import jobs_table as jobs
from clerk.jobs import JobRequest
from clerk.plugin.loader import forget_plugins
from clerk_tasks import dispatcher
from clerk_tasks.tracing import tracing, use_provider
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]


EARLY = """
from clerk import JobType, current_job, hookimpl

def early(subdomain, run_id):
    current_job().spawn_now("fine", subdomain, name="early")
    current_job().spawn("fine", subdomain, name="later")

class Early:
    @hookimpl
    def register_job_types(self):
        return {"early": early}
"""


@pytest.fixture
def early(engine: Engine) -> None:
    """Add a job type whose first child is recorded before it has completed."""
    Path("plugins/early.py").write_text(EARLY)
    forget_plugins()


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    """Trace into memory."""
    made = TracerProvider()
    use_provider(made)
    yield made
    use_provider(None)
    made.shutdown()


@pytest.fixture
def exporter(provider: TracerProvider) -> InMemorySpanExporter:
    """Return what the spans are in."""
    made = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(made))
    return made


def of(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def trace(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def rows(engine: Engine, column: str) -> list[str | None]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(jobs.c[column]).order_by(jobs.c.id)).scalars())


@pytest.mark.every_database
def test_an_attempt_is_below_its_enqueue(
    engine: Engine, exporter: InMemorySpanExporter, enqueue: Enqueue, work: Work
) -> None:
    job = enqueue("parent", children=[])
    work(job)
    (sent,), (done,) = of(exporter, "enqueue parent"), of(exporter, "process parent")
    assert sent.context is not None
    assert (trace(sent), sent.context.span_id) == (trace(done), parent(done))
    assert (sent.kind, done.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert done.attributes is not None
    assert (done.attributes["messaging.message.id"], done.attributes["clerk.attempt"]) == (job, 1)
    (kept,) = rows(engine, "traceparent")
    assert str(kept).startswith(f"00-{trace(sent):032x}-{sent.context.span_id:016x}-")


@pytest.mark.every_database
def test_children_are_below_their_parent_in_the_same_trace(
    engine: Engine, exporter: InMemorySpanExporter, enqueue: Enqueue, work: Work
) -> None:
    job = enqueue("parent", children=["fine", "mistaken"])
    work(job)
    children = [str(found) for found in rows(engine, "id") if found != job]
    for child in children:
        work(child)
    (above,) = of(exporter, "process parent")
    assert above.context is not None
    below = [*of(exporter, "process fine"), *of(exporter, "process mistaken")]
    assert len(below) == 2
    assert {(trace(span), parent(span)) for span in below} == {(trace(above), above.context.span_id)}


def test_children_that_are_recorded_before_their_parent_ends_are_below_it(
    engine: Engine, early: None, exporter: InMemorySpanExporter, enqueue: Enqueue, work: Work
) -> None:
    work(enqueue("early"))
    (above,) = of(exporter, "process early")
    assert above.context is not None
    below = rows(engine, "traceparent")[1:]
    assert len(below) == 2
    assert {str(each).split("-")[2] for each in below} == {f"{above.context.span_id:016x}"}


def test_every_stage_and_every_attempt_of_a_run_is_in_its_trace(
    engine: Engine, exporter: InMemorySpanExporter, enqueue: Enqueue, work: Work
) -> None:
    enqueue("fetch-site")
    (sent,) = of(exporter, "enqueue fetch-site")
    stored = rows(engine, "traceparent")
    assert len(stored) > 1
    assert {str(each).split("-")[1] for each in stored} == {f"{trace(sent):032x}"}
    job = enqueue("mistaken")
    work(job)
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(state="available"))
    work(job)
    assert len({trace(span) for span in of(exporter, "process mistaken")}) == 1
    assert len(of(exporter, "process mistaken")) == 2


def test_a_failure_is_an_error(engine: Engine, exporter: InMemorySpanExporter, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("broken"))
    (span,) = of(exporter, "process broken")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "the source is gone")
    assert span.attributes is not None
    assert span.attributes["clerk.outcome"] == "failed"


def test_a_run_continues_the_trace_of_what_enqueues_it(
    engine: Engine, provider: TracerProvider, exporter: InMemorySpanExporter, enqueue: Enqueue
) -> None:
    with provider.get_tracer("a web page").start_as_current_span("request") as request:
        enqueue("fine")
    (sent,) = of(exporter, "enqueue fine")
    assert parent(sent) == request.get_span_context().span_id


def test_runs_that_begin_together_have_traces_of_their_own_linked_to_what_began_them(
    engine: Engine, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO sites (subdomain, name) VALUES ('b.ca', 'B')"))
    with provider.get_tracer("a night").start_as_current_span("night") as night:
        dispatcher.enqueue_many([JobRequest("fetch-site", site) for site in ("alameda.ca", "b.ca")])
    spans = of(exporter, "enqueue fetch-site")
    assert len({trace(span) for span in spans}) == 2
    assert {link.context.trace_id for span in spans for link in span.links} == {night.get_span_context().trace_id}


def test_a_job_that_joins_a_run_is_in_its_trace(
    engine: Engine, exporter: InMemorySpanExporter, enqueue: Enqueue
) -> None:
    enqueue("broken")
    (run_id,) = rows(engine, "run_id")
    dispatcher.enqueue_job("broken", "alameda.ca", run_id=run_id)
    assert len({trace(span) for span in of(exporter, "enqueue broken")}) == 1


@pytest.mark.slow
def test_nothing_is_traced_or_imported_unless_it_is_asked_for(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    assert tracing() is None
    assert rows(engine, "traceparent") == [None]
    code = "import sys; from clerk_tasks.cli.main import main; main(['status']); print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_SDK_DISABLED", "true"), ("OTEL_SERVICE_NAME", "x")]
)
def test_opentelemetrys_own_variables_switch_it_off(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name != "OTEL_SERVICE_NAME":  # which asks for nothing
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    assert tracing() is None


@pytest.mark.slow
def test_a_console_exporter_prints_the_spans(engine: Engine, enqueue: Enqueue, tmp_path: Path) -> None:
    code = (
        "import os; os.environ['OTEL_TRACES_EXPORTER'] = 'console'\n"
        "from clerk_tasks import dispatcher\n"
        "dispatcher.enqueue_job('fine', 'alameda.ca')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert '"name": "enqueue fine"' in done.stdout
    assert '"service.name": "clerk-tasks"' in done.stdout


def test_traces_without_the_extra_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert tracing() is None
    assert "install clerk-tasks[otel]" in caplog.text
