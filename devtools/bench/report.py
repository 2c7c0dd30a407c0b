"""What a comparison of task systems found, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from devtools.bench.comparison import Found
from devtools.bench.measure import NAPS, Kill, Rate
from devtools.bench.table import Peer

#: The columns: the key of a measurement, and its heading.
COLUMNS = {
    "1": "jobs/s, 1 process",
    "2": "2 processes",
    "enqueue": "enqueues/s",
    "batch": "batch of {batch}, /s",
    "latency": "idle latency, ms p50 / p99",
    "kill": f"kill -9 of 2 processes amid {NAPS} jobs",
}


@dataclass(frozen=True)
class Latency:
    """Milliseconds from enqueue to start."""

    p50: float
    p99: float

    def __str__(self) -> str:
        """Return the table's cell."""
        return f"{self.p50:.1f} / {self.p99:.1f}"


def summary(found: Found) -> dict[str, Rate | Latency | Kill]:
    """Return the best rate, the lowest CPU time, the latency of all rounds together, and the kill."""
    results: dict[str, Any] = {}
    for key, values in found.items():
        if not values:
            continue
        if key == "kill":
            results[key] = values[-1]
        elif key == "latency":
            samples = sorted(sample for value in values for sample in value)
            results[key] = Latency(*(samples[len(samples) * percent // 100] for percent in (50, 99)))
        else:
            results[key] = Rate(max(rate.per_second for rate in values), min(rate.cpu_ms for rate in values))
    return results


@dataclass(frozen=True)
class Ratios:
    """The rates of one row of this project, divided by those of another system."""

    ours: str
    rates: dict[str, float]


def ratios(results: dict[Peer, dict[str, Any]]) -> dict[str, Ratios]:
    """Return, for each other system, the ratios of the row that its line names, else of our first row."""
    ours = {peer.name: found for peer, found in results.items() if not peer.requirements}
    divided = {}
    for peer, found in results.items():
        if peer.requirements and ours:
            name = peer.beside if peer.beside in ours else next(iter(ours))
            rates = {key: rate for key, rate in found.items() if isinstance(rate, Rate) and key in ours[name]}
            by_key = {key: ours[name][key].per_second / rate.per_second for key, rate in rates.items()}
            divided[peer.name] = Ratios(name, by_key)
    return divided


def as_json(found: dict[Peer, Found], pythons: dict[Peer, str], options: argparse.Namespace) -> str:
    """Return all that was found, with the conditions."""
    results = {peer: summary(values) for peer, values in found.items()}
    names = ("jobs", "batch", "rounds", "fsync")
    document = {
        **{name: getattr(options, name) for name in names},
        "cores": os.cpu_count(),
        "load_before": options.load,
        "systems": {
            peer.name: {
                "python": pythons[peer],
                "requirements": peer.requirements,
                "outcome_recorded": peer.outcome,
                **{key: asdict(value) for key, value in result.items()},
            }
            for peer, result in results.items()
        },
        "ratios_of_ours": {name: asdict(found) for name, found in ratios(results).items()},
    }
    return json.dumps(document, indent=2)


def as_table(found: dict[Peer, Found], options: argparse.Namespace) -> str:
    """Return the table in Markdown; in brackets the CPU milliseconds of all processes for one job."""
    results = {peer: summary(values) for peer, values in found.items()}
    beside = {
        name: f"{found.rates['2']:.2f} ({found.ours})" for name, found in ratios(results).items() if "2" in found.rates
    }
    keys = [key for key in COLUMNS if any(key in result for result in results.values())]
    batch = f"{options.batch:,}".replace(",", " ")
    lines = [
        ["", "outcome recorded", *(COLUMNS[key].format(batch=batch) for key in keys)],
        ["---", "---", *("---:" for _ in keys)],
        *([peer.name, peer.outcome, *(str(found.get(key, "-")) for key in keys)] for peer, found in results.items()),
    ]
    if beside:
        last = ["ours divided by it, 2 processes", "---:", *(beside.get(peer.name, "") for peer in results)]
        lines = [[*line, cell] for line, cell in zip(lines, last, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def conditions(pythons: dict[Peer, str], options: argparse.Namespace) -> str:
    """Return what the figures depend on, in one line."""
    versions = sorted({f"{peer.module} on Python {version}" for peer, version in pythons.items()})
    fsync = "with" if options.fsync else "without"
    return (
        f"{options.jobs} jobs, best of {options.rounds} rounds, {os.cpu_count()} cores, load {options.load:.1f}; "
        f"PostgreSQL {fsync} fsync; in brackets: CPU ms of all processes for one job; {', '.join(versions)}"
    )
