"""The plugins' own metrics, read apart: one that fails or hangs costs a scrape no other metric."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from numbers import Real

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from clerk.contributions import PluginMetric
from clerk.errors import UsageError
from clerk.plugin.containment import BROKEN, contained
from clerk.plugin.loader import plugins
from clerk.plugin.source_place import place_of, place_of_error
from clerk_tasks.operations.contributions import plugin_metrics

logger = logging.getLogger(__name__)

#: How long a scrape waits for the plugins' metrics, in seconds.
SCRAPE_PATIENCE = 2.0


class ContributedMetrics:
    """Reads the plugins' metrics in a thread of its own; while that hangs, the scrapes go on without them."""

    def __init__(self, patience: float = SCRAPE_PATIENCE) -> None:
        self._patience = patience
        self._thread: threading.Thread | None = None
        self._reading = ""

    def families(self) -> list[Metric]:
        """Return what the plugins measure now; what is not read in time is left out."""
        metrics = plugin_metrics()
        if not metrics or self._is_stuck():
            return []
        found: list[Metric] = []
        self._thread = threading.Thread(target=self._read, args=(found,), name="plugin-metrics", daemon=True)
        self._thread.start()
        self._thread.join(self._patience)
        if self._thread.is_alive():
            logger.warning("metric %s was not read within %g s: it must be quick", self._reading, self._patience)
        return list(found)

    def _is_stuck(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _read(self, found: list[Metric]) -> None:
        for name, (plugin, metric) in plugin_metrics().items():
            self._reading = f"{name} of plugin {plugin.name}"
            try:
                with contained():
                    found.append(_family(metric))
            except BROKEN as error:
                place = place_of_error(error) or place_of(metric.read)
                plugins().quarantine(plugin.name, plugin.where, phase=f"metric {name}", error=error, place=place)


def _family(metric: PluginMetric) -> Metric:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = kind(metric.name, metric.help, labels=list(metric.labels))
    for values, number in _samples(metric):
        if len(values) != len(metric.labels):
            raise UsageError(f"{values!r} must be values of the labels {', '.join(metric.labels) or '(none)'}")
        family.add_metric(values, number)
    return family


def _samples(metric: PluginMetric) -> Iterator[tuple[tuple[str, ...], float]]:
    reading: object = metric.read()
    if not isinstance(reading, Mapping):
        yield (), _number(reading)
        return
    for key, number in reading.items():
        yield (key,) if isinstance(key, str) else tuple(map(str, key)), _number(number)


def _number(reading: object) -> float:
    if isinstance(reading, Real | Decimal):
        return float(reading)
    raise UsageError(f"read must return a number, or a dict of numbers by their labels, not {reading!r:.80}")
