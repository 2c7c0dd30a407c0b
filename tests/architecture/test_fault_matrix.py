"""The laws of the fault suite: every row of the matrix has a test, and every test says how it was seen to fail."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import Function, modules
from tests.faults.conftest import QUICK

#: F1, a killed child, to F25, the soak; docs/explanation/delivery-guarantees.md tells of them.
ROWS = {f"F{number}" for number in range(1, 26)}


def fault_tests() -> dict[str, str]:
    """Return {name: docstring}."""
    return {
        node.name: ast.get_docstring(node) or ""
        for module in modules("tests/faults")
        for node in ast.walk(module.tree)
        if isinstance(node, Function) and node.name.startswith("test_")
    }


def test_every_row_of_the_matrix_has_a_test() -> None:
    found = {row for text in fault_tests().values() for row in re.findall(r"\bF\d+\b", text)}
    assert found == ROWS


def test_every_test_says_how_it_was_seen_to_fail() -> None:
    assert [name for name, text in fault_tests().items() if "een to fail" not in text] == []


def test_what_the_fast_suite_should_have_is_there() -> None:
    assert QUICK - fault_tests().keys() == set()
