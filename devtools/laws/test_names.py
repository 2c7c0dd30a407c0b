"""The law of names: a public class or constant has its name to itself in the whole product (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from devtools.laws.source import modules

#: Names that have two meanings still: none may be added.
TWICE = {"COLUMNS", "Compiled", "HEAD", "MIB", "PASS", "UNFINISHED"}


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the public classes and constants that a module defines at its top."""
    for node in tree.body:
        names = [node.name] if isinstance(node, ast.ClassDef) else []
        for target in node.targets if isinstance(node, ast.Assign) else []:
            names += [name.id for name in ast.walk(target) if isinstance(name, ast.Name) and name.id.isupper()]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.isupper():
            names.append(node.target.id)
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_class_or_constant_is_defined_once() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for module in modules("clerk", "clerk_tasks", "plugins"):
        for name in defined(module.tree):
            where[name].append(module.where)
    found = {name: places for name, places in where.items() if len(places) > 1}
    assert {name: found[name] for name in found.keys() - TWICE} == {}, "one name, one thing: rename one of them"
    assert TWICE - found.keys() == set(), "take these out of TWICE"
