"""The law of the map: the rooms, imports, files and functions that the pages name are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from devtools.laws.source import PACKAGES, ROOT, Function, modules
from devtools.laws.test_rooms import everything, needs, room

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = [CONTRIBUTING, ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
HALVES = ("clerk", "clerk_tasks")

#: A path in inline code, and perhaps a function there: `clerk/jobs.py:JobContext.commit_files`.
NAMED = re.compile(
    r"`((?:clerk|clerk_tasks|migrations|devtools|tests|docs|script|requirements)/[\w./-]*\w)(?::([\w.]+))?`"
)
#: A file of the product without its folder, as pages repeat one: `stages.py:close_if_done`.
SHORT = re.compile(r"`(\w+\.py):([\w.]+)`")

Arrow = tuple[tuple[str, str], tuple[str, str]]


def drawn() -> Iterator[Arrow]:
    """Return the arrows between rooms of one half in the picture of CONTRIBUTING.md."""
    (picture,) = re.findall(r"^```mermaid\n(.*?)^```", CONTRIBUTING.read_text(), flags=re.MULTILINE | re.DOTALL)
    for half, inside in re.findall(r"subgraph (\w+) .*?\n(.*?)^    end", picture, flags=re.MULTILINE | re.DOTALL):
        for line in inside.splitlines():
            names = [name.strip() for name in line.split("-->")]
            yield from (((half, above), (half, below)) for above, below in pairwise(names))


def test_every_arrow_of_the_picture_is_an_import() -> None:
    imports = {(room(name), room(needed)) for name, module in everything.items() for needed in needs(module)}
    arrows = set(drawn())
    assert arrows
    assert arrows - imports == set()


def test_every_folder_of_the_product_is_in_the_picture() -> None:
    folders = {(half, path.parent.name) for half in HALVES for path in (ROOT / half).glob("*/__init__.py")}
    assert folders - {place for arrow in drawn() for place in arrow} == set()


def functions(path: Path) -> set[str]:
    """Return the functions, classes and methods of a file, by their names in it, and the names that it imports."""
    tree = ast.parse(path.read_text())
    found = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, Function)}
    return found


def missing(text: str) -> Iterator[str]:
    """Return what a page names that is not there."""
    for name, function in NAMED.findall(text):
        path = ROOT / name
        if not path.exists() or (function and function not in functions(path)):
            yield f"{name}:{function}"
    for name, function in SHORT.findall(text):
        paths = [module.path for module in modules(*PACKAGES) if module.path.name == name]
        if not any(function in functions(path) for path in paths):
            yield f"{name}:{function}"


def outside_blocks(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_files_and_functions_that_a_page_names_are_there(page: Path) -> None:
    assert list(missing(outside_blocks(page))) == []


@pytest.mark.parametrize(
    "name", ["clerk/jobs.py:gone", "clerk/gone.py", "clerk/jobs.py:JobContext.gone", "jobs.py:gone", "tests/gone"]
)
def test_a_name_that_is_not_there_is_found(name: str) -> None:
    assert list(missing(f"see `{name}` and `clerk/jobs.py:JobContext.commit_files`")) != []
