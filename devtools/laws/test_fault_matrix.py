"""The law of the fault matrix: every row has a test, and every test's row exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from devtools.laws.source import ROOT, Module, modules

MATRIX = ROOT / "docs/reference/fault-matrix.md"


def rows() -> set[str]:
    """Return the ids in the table of the documentation."""
    return set(re.findall(r"^\| (F\d+) ", MATRIX.read_text(), flags=re.MULTILINE))


def marked(module: Module) -> Iterator[str]:
    """Return the rows that a module's tests name: `@pytest.mark.fault("F7")`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(argument) for argument in node.args)


def test_every_row_has_a_test() -> None:
    assert rows() - {row for module in modules("tests") for row in marked(module)} == set()


def test_every_marker_names_a_row() -> None:
    table = rows()
    wrong = {module.where: found for module in modules("tests") if (found := set(marked(module)) - table)}
    assert wrong == {}
