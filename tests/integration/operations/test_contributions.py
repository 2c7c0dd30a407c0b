"""Plugins bring metrics and pages of their own; one that fails or hangs costs nothing else."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from clerk import BoardTable
from clerk.plugin.loader import forget_plugins, quarantined
from clerk_tasks.metrics import exposition, prepare
from clerk_tasks.metrics.contributed import ContributedMetrics
from clerk_tasks.operations.contributions import board_pages, page_content
from clerk_tasks.operations.plugin_report import plugin_reports

PLUGIN = """
from threading import Event
from clerk import BoardPage, BoardTable, PluginMetric, hookimpl

release = Event()

def shelves(parameters):
    if "broken" in parameters:
        raise OSError("no shelf")
    return ["What stands where.", BoardTable(["city", "books"], [["alameda.ca", 3]])]

class Books:
    @hookimpl
    def register_metrics(self):
        return [
            PluginMetric("books_lent", "Books that are lent.", lambda: {"alameda.ca": 3}, labels=["site"]),
            PluginMetric("books_read_total", "Books that were read.", lambda: 7, kind="counter"),
            PluginMetric("books_lost", "Lost books.", METRIC),
            WRONG
        ]

    @hookimpl
    def register_board_pages(self):
        return [BoardPage("shelves", "Shelves", shelves), PAGE]
"""


def write(metric: str = "lambda: 0", wrong: str = "", page: str = "") -> None:
    text = PLUGIN.replace("METRIC", metric).replace("WRONG", wrong).replace(", PAGE", f", {page}" if page else "")
    Path("plugins/books.py").write_text(text)
    forget_plugins()


def problems() -> list[tuple[str, str]]:
    return [(entry.phase, entry.error) for entry in quarantined() if entry.name == "books"]


def test_metrics_of_a_plugin_are_served_and_a_failing_one_is_left_out(engine: Engine) -> None:
    write("lambda: 1 / 0")
    prepare()
    text = exposition().decode()
    assert 'books_lent{site="alameda.ca"} 3.0' in text
    assert "books_read_total 7.0" in text
    assert "books_lost" not in text
    assert "clerk_build_info" in text
    assert problems() == [("metric books_lost", "ZeroDivisionError: division by zero")]


@pytest.mark.parametrize("metric", ["lambda: 'many'", "lambda: {(): None}"])
def test_a_reading_that_is_no_number_is_named(engine: Engine, metric: str) -> None:
    write(metric)
    assert "books_lost" not in [family.name for family in ContributedMetrics().families()]
    ((phase, error),) = problems()
    assert (phase, error.partition(", not ")[0]) == (
        "metric books_lost", "read must return a number, or a dict of numbers by their labels",
    )  # fmt: skip


def test_a_metric_that_hangs_costs_a_scrape_its_patience_once(engine: Engine) -> None:
    write("release.wait")
    contributed = ContributedMetrics(patience=0.05)
    assert [family.name for family in contributed.families()] == ["books_lent", "books_read"]
    assert contributed.families() == []
    (stuck,) = [thread for thread in threading.enumerate() if thread.name == "plugin-metrics"]
    sys.modules["clerk_plugins.books"].release.set()
    stuck.join(5)
    assert [family.name for family in contributed.families()] == ["books_lent", "books_read", "books_lost"]


@pytest.mark.parametrize(
    ("wrong", "page", "error"),
    [
        ("7", "", "it must return a list of clerk.PluginMetric, not 7"),
        ("PluginMetric('clerk_x', 'x', int)", "", "the metric's name 'clerk_x' begins with clerk_, which is ours"),
        ("PluginMetric('a-b', 'x', int)", "", "the metric's name 'a-b' may hold lower-case letters"),
        ("PluginMetric('a', '', int)", "", "metric a: help must be a text"),
        ("PluginMetric('a', 'x', 3)", "", "metric a: read must be a function"),
        ("PluginMetric('a', 'x', int, kind='counter')", "", "metric a: the name of a counter ends in _total"),
        ("PluginMetric('a', 'x', int, kind='sum')", "", "metric a: kind must be 'gauge' or 'counter'"),
        ("PluginMetric('a', 'x', int, labels='site')", "", "metric a: labels must be a list of different names"),
        ("PluginMetric('a', 'x', int, labels=None)", "", "metric a: labels must be a list of different names"),
        ("PluginMetric('a', 'x', lambda site: 1)", "", "function without arguments, not one that takes (site)"),
        ("PluginMetric('books_lost', 'x', int)", "", "'books_lost' is brought by plugin books already: rename it"),
        ("", "BoardPage('A page', 'x', list)", "the page's name 'A page' may hold lower-case letters"),
        ("", "BoardPage('a', '', list)", "page a: title must be a text"),
        ("", "BoardPage('a', 'x', 3)", "page a: content must be a function of the parameters"),
        ("", "BoardPage('a', 'x', lambda: [])", "a function of the parameters, not one that takes ()"),
    ],
)
def test_what_cannot_be_used_is_quarantined_and_the_rest_works(
    engine: Engine, wrong: str, page: str, error: str
) -> None:
    write(wrong=wrong, page=page)
    (report,) = [report for report in plugin_reports() if report.name == "books"]
    assert report.error is not None
    assert error in report.error
    assert "plugins/books.py:" in report.error
    assert list(board_pages()) == ["shelves"]


def test_a_page_that_fails_says_where_to_look(engine: Engine) -> None:
    write()
    plugin, page = board_pages()["shelves"]
    assert page_content(plugin, page, {}) == [
        "What stands where.", BoardTable(["city", "books"], [["alameda.ca", 3]])
    ]  # fmt: skip
    assert problems() == []
    (text,) = page_content(plugin, page, {"broken": ""})
    assert text == "Plugin books cannot show this page: `clerk-tasks plugins check` says why."
    assert problems() == [("page shelves", "OSError: no shelf")]


@pytest.mark.parametrize("content", ["'a text'", "BoardTable([], [])", "None", "[3]"])
def test_a_page_whose_content_is_no_list_of_parts_is_named(engine: Engine, content: str) -> None:
    write(page=f"BoardPage('odd', 'Odd', lambda parameters: {content})")
    plugin, page = board_pages()["odd"]
    (text,) = page_content(plugin, page, {})
    assert "cannot show this page" in str(text)
    ((phase, error),) = problems()
    assert phase == "page odd"
    assert error.startswith("its content must be ")
