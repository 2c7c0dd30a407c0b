"""Traces by OpenTelemetry, if it is installed (`clerk-tasks[otel]`) and configured: one trace per run.

Each job keeps the span that enqueued it, in `jobs.traceparent`; each attempt is a span below that. Nothing of
OpenTelemetry is imported unless its own environment variables ask for traces, or `use_provider` was called.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clerk.application import application, part
from clerk.version import __version__

logger = logging.getLogger(__name__)

#: Variables of OpenTelemetry, of which one asks for traces.
ASKING = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER")

#: OpenTelemetry's variables for how long an export may take; and how long ours may without them, in seconds: a command
#: waits for it at its end, and the collector may be away.
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
EXPORT_TIMEOUT = 2

_given: list[Any] = []


class Tracing:
    """OpenTelemetry's API, in our words; `provider` is an `opentelemetry.trace.TracerProvider`."""

    def __init__(self, provider: Any, *, owned: bool = False) -> None:
        """Take a provider; `owned` ones are shut down, their spans sent, at the end of the process."""
        self._provider, self._owned = provider, owned
        self._api: Any = importlib.import_module("opentelemetry.trace")
        context: Any = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
        self._propagator = context.TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("clerk_tasks", __version__)

    def current(self) -> str | None:
        """Return the current span as a traceparent, None without one."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent")

    def enqueued(self, name: str, attributes: Mapping[str, Any], *, parent: str | None, link: str | None) -> str | None:
        """Record that something was enqueued just now; return that span, which the jobs keep.

        It is below `parent`, or else begins a trace. `link` names another trace that it has to do with.
        """
        links = [self._api.Link(found)] if link and (found := self._span_context(link)) else []
        span = self._tracer.start_span(
            name,
            context=self._context(parent),
            kind=self._api.SpanKind.PRODUCER,
            attributes=dict(attributes),
            links=links,
        )
        span.end()
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._api.set_span_in_context(span))
        return carrier.get("traceparent")

    @contextmanager
    def processing(self, name: str, attributes: Mapping[str, Any], *, parent: str | None) -> Iterator[Any]:
        """Open the span of an attempt, current for the length of a with block; an exception ends it as an error."""
        kind = self._api.SpanKind.CONSUMER
        span = self._tracer.start_span(name, context=self._context(parent), kind=kind, attributes=dict(attributes))
        with self._api.use_span(span, end_on_exit=True):
            yield span

    def mark_failed(self, span: Any, description: str) -> None:
        """Mark a span as an error."""
        span.set_status(self._api.Status(self._api.StatusCode.ERROR, description))

    def close(self) -> None:
        """Send what has not been sent."""
        if self._owned:
            self._provider.shutdown()

    def _context(self, traceparent: str | None) -> Any:
        """Return the context of a traceparent; one without a span for None, since the current one is not asked for."""
        carrier = {"traceparent": traceparent} if traceparent else {}
        return self._propagator.extract(carrier, context=importlib.import_module("opentelemetry.context").Context())

    def _span_context(self, traceparent: str) -> Any:
        found = self._api.get_current_span(self._context(traceparent)).get_span_context()
        return found if found.is_valid else None


def _close(found: Tracing | None) -> None:
    if found is not None:
        found.close()


@part(close=_close)
def tracing() -> Tracing | None:
    """Return this process's tracing; None, at no cost, where nothing asks for it."""
    if _given:
        return Tracing(_given[-1])
    if not any(os.environ.get(name) for name in ASKING) or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        return Tracing(_provider(), owned=True)
    except ImportError as error:
        logger.warning("nothing is traced: %s; install clerk-tasks[otel], or unset %s", error, ", ".join(ASKING))
        return None


def flush() -> None:
    """Send what has not been sent: a pool child ends without the end of a program."""
    application.discard(tracing)


def use_provider(provider: Any | None) -> None:
    """Trace with a `TracerProvider` of the program's own, which shuts it down itself; None undoes that."""
    _given.clear()
    if provider is not None:
        _given.append(provider)
    application.discard(tracing)


def _provider() -> Any:
    """Return a provider that sends spans as OpenTelemetry's variables say; raises ImportError."""
    sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        processor = export.SimpleSpanProcessor(export.ConsoleSpanExporter())
    else:
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        given = any(os.environ.get(name) for name in TIMEOUTS)
        processor = export.BatchSpanProcessor(otlp.OTLPSpanExporter(timeout=None if given else EXPORT_TIMEOUT))
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "clerk-tasks"}
    provider = sdk.TracerProvider(resource=resources.Resource.create(named | {"service.version": __version__}))
    provider.add_span_processor(processor)
    return provider
