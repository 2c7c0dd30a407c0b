"""The law of the fault matrix: it lists exactly the tests that name each row, and the invariants that tests cite."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from devtools.laws.source import ROOT, Module, modules

MATRIX = ROOT / "docs/reference/fault-matrix.md"


def rows() -> dict[str, set[str]]:
    """Return the table of the documentation: id -> the test files in the row's last column."""
    lines = re.findall(r"^\| (F\d+) \|.*\| (.*) \|$", MATRIX.read_text(), flags=re.MULTILINE)
    return {row: set(re.findall(r"\]\(\.\./\.\./(tests/[\w/]+\.py)\)", last)) for row, last in lines}


def marked(module: Module) -> Iterator[str]:
    """Return the rows that a module's tests name: `@pytest.mark.fault("F7")`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(argument) for argument in node.args)


def test_each_row_lists_exactly_the_files_with_its_tests() -> None:
    tests = defaultdict(set)
    for module in modules("tests"):
        for row in marked(module):
            tests[row].add(module.where)
    assert rows() == tests


def test_every_invariant_that_is_cited_is_in_the_table() -> None:
    table = set(re.findall(r"^\| (I\d+) \|", MATRIX.read_text(), flags=re.MULTILINE))
    cited = {name for module in modules("tests", "devtools") for name in re.findall(r"\bI\d\b", module.text)}
    assert cited
    assert cited - table == set()
