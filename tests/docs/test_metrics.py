"""The page of metrics has each metric with its type and labels, as the program serves it."""

from __future__ import annotations

import re
from pathlib import Path

from devtools.metrics import declared

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"
ROW = re.compile(r"^\| `(clerk_\w+)` \| (\w+) \| ?([\w, ]*?) ?\| .+ \|$", re.M)


def test_the_page_has_every_metric(sqlite_url: str) -> None:
    served = {name: (metric.kind, set(metric.labels)) for name, metric in declared().items()}
    rows = ROW.findall(PAGE.read_text())
    assert {name: (kind, set(labels.split(", ")) - {""}) for name, kind, labels in rows} == served
