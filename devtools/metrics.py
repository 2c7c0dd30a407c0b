"""The metrics that the program serves, those without a sample too."""

from __future__ import annotations

from typing import Any, NamedTuple

from clerk_tasks.metrics.exposition import ledger, prepare


class Declared(NamedTuple):
    """A metric's type and the names of its labels."""

    kind: str
    labels: frozenset[str]


def declared() -> dict[str, Declared]:
    """Return {name: type and labels} of every metric; the database must be there."""
    prepare()
    found: dict[str, Declared] = {}
    for family in ledger().collect():
        given: Any = family  # prometheus_client keeps a family's labels for itself
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = Declared(family.type, frozenset(given._labelnames))
    return found
