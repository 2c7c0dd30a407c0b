"""Our own source as syntax trees: which module imports what, and which functions there are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("clerk", "clerk_tasks", "plugins", "migrations")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file."""

    path: Path

    @property
    def name(self) -> str:
        """Its dotted name."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def where(self) -> str:
        """Its path, as git shows it."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """What is written in it."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def imports(self) -> set[str]:
        """What it imports whenever, inside functions too: dotted names. Imports for the type checker do not count."""
        return {name for node in _running(self.tree, into_functions=True) for name in _imported(node)}

    def imports_at_once(self) -> set[str]:
        """What it imports when it is imported itself."""
        return {name for node in _running(self.tree, into_functions=False) for name in _imported(node)}


def modules(*folders: str) -> list[Module]:
    """Return the modules of some top folders, by default of everything that we ship."""
    paths = (path for folder in folders or PACKAGES for path in sorted((ROOT / folder).rglob("*.py")))
    return [Module(path) for path in paths]


def _running(node: ast.AST, *, into_functions: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        if into_functions or not isinstance(child, Function | ast.Lambda):
            yield from _running(child, into_functions=into_functions)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"a relative import, line {node.lineno}"
        assert node.module is not None
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
