"""The dashboard and the alert rules ask for what the program serves, and name commands that it has."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clerk.application import application
from clerk.database.migrate import upgrade
from devtools.deploy_files import DEPLOY, parse
from devtools.metrics import Declared, declared

MONITORING = DEPLOY / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]

#: A metric in an expression, and perhaps the labels that are asked for.
USED = re.compile(r"\b(clerk_\w+)(?:\{([^}]*)\})?")
#: Labels that Prometheus adds.
ADDED = {"instance", "job", "le"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Declared]]:
    """Return every metric of a database in use."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CLERK_HOME", str(folder / "home"))
        patch.setenv("DATABASE_URL", f"sqlite:///{folder / 'civic.db'}")
        patch.delenv("BROKER_URL", raising=False)
        application.close()
        upgrade(f"sqlite:///{folder / 'civic.db'}")
        yield declared()
        application.close()


def expressions() -> Iterator[tuple[str, str]]:
    """Yield (where, PromQL) of the dashboard and the rules."""
    for panel in DASHBOARD["panels"]:
        yield from ((f"panel {panel['title']}", target["expr"]) for target in panel["targets"])
    yield from ((f"variable {each['name']}", each.get("definition", "")) for each in DASHBOARD["templating"]["list"])
    yield from ((f"alert {rule['alert']}", rule["expr"]) for rule in RULES)


def base(name: str, served: dict[str, Declared]) -> str:
    """Return the histogram that a series belongs to, or the metric itself."""
    of = re.sub(r"_(bucket|sum|count)$", "", name)
    return of if of in served and served[of].kind == "histogram" else name


def test_every_metric_and_label_is_served(served: dict[str, Declared]) -> None:
    wrong = []
    for where, expression in expressions():
        named = [(base(name, served), asked) for name, asked in USED.findall(expression)]
        wrong += [f"{where}: {name}" for name, _ in named if name not in served]
        known = set().union(*(served[name].labels for name, _ in named if name in served), ADDED)
        grouped = re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", expression)
        labels = {label.strip() for some in grouped for label in some.split(",")}
        labels |= {label for _, asked in named for label in re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", asked)}
        wrong += [f"{where}: label {label}" for label in labels - known]
    assert wrong == []


def test_every_metric_is_on_the_dashboard(served: dict[str, Declared]) -> None:
    shown = {base(name, served) for _, expression in expressions() for name, _ in USED.findall(expression)}
    assert set(served) - shown == set()


def test_the_panels_do_not_overlap_and_take_the_chosen_data_source() -> None:
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        position = panel["gridPos"]
        own = {
            (x, y)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        }
        assert not own & places, panel["title"]
        assert max(x for x, _ in own) < 24
        places |= own
        for each in (panel, *panel["targets"]):
            assert each["datasource"]["uid"] == "${datasource}"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_alerts_name_commands_that_there_are() -> None:
    for rule in RULES:
        text = rule["annotations"]["description"]
        found = re.findall(r"`clerk-tasks ([^`]+)`", text)
        assert found or "transaction" in text, rule["alert"]
        for words in found:
            parse(tuple(shlex.split(words)))
    panels = " ".join(panel["description"] for panel in DASHBOARD["panels"])
    for words in re.findall(r"`clerk-tasks ([^`]+)`", panels):
        parse(tuple(shlex.split(words)))


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "alerts.yaml"),
        ("check", "config", "prometheus.yaml"),
        ("test", "rules", "alerts.test.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts_the_files(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, *words], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_severity_and_says_what_is_wrong() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


def test_prometheus_scrapes_where_the_unit_listens() -> None:
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    ((target,),) = [each["targets"] for job in config["scrape_configs"] for each in job["static_configs"]]
    assert f"--listen {target}" in (DEPLOY / "systemd/clerk-metrics.service").read_text()
    assert Path(MONITORING / config["rule_files"][0]).is_file()
