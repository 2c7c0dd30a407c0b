"""The laws of size and habit."""

from __future__ import annotations

import ast

from devtools.laws.source import Function, Module, modules

LONGEST_FILE = 300
LONGEST_FUNCTION = 60

everything = [module for module in modules() if "migrations/versions" not in module.where]
tests = modules("tests", "devtools")


def length(function: Function) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def test_files_are_short() -> None:
    assert {
        module.where: lines for module in [*everything, *tests] if (lines := module.text.count("\n")) > LONGEST_FILE
    } == {}


def test_functions_are_short() -> None:
    found = {f"{module.where}:{f.lineno}": length(f) for module in [*everything, *tests] for f in module.functions()}
    assert {where: lines for where, lines in found.items() if lines > LONGEST_FUNCTION} == {}


def test_modules_open_with_one_sentence() -> None:
    openings = {module.where: (ast.get_docstring(module.tree) or "").partition("\n")[0] for module in everything}
    assert {where: line for where, line in openings.items() if not line.endswith((".", ":"))} == {}


def test_what_is_public_is_documented() -> None:
    silent = [
        f"{module.where}: {node.name}"
        for module in everything
        for node in public(module.tree)
        if not ast.get_docstring(node)
    ]
    assert silent == []


def public(tree: ast.Module | ast.ClassDef) -> list[Function | ast.ClassDef]:
    named = [
        node
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and "overload" not in map(ast.unparse, node.decorator_list)
    ]
    return [*named, *(inner for node in named if isinstance(node, ast.ClassDef) for inner in public(node))]


def test_no_test_mocks() -> None:
    mocks = {"unittest.mock", "mock", "pytest_mock"}
    assert [module.where for module in tests if mocks & module.imports()] == []


def test_no_test_sleeps() -> None:
    """A test waits for an event with a deadline: `devtools.processes.wait_for`, the one place that may sleep."""

    def sleeps(module: Module) -> bool:
        calls = (ast.unparse(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call))
        return any(call.rpartition(".")[2] == "sleep" for call in calls)

    assert [module.where for module in tests if sleeps(module)] == ["devtools/processes.py"]
