"""The laws of the house: which room may import which, no circle anywhere, and few imports inside functions."""

from __future__ import annotations

import ast
import tomllib
from graphlib import CycleError, TopologicalSorter

import pytest

from devtools.laws.source import PACKAGES, ROOT, Module, modules

#: The rooms of each half from top to bottom: a room imports only rooms below it.
ROOMS = {
    "clerk": (
        # Import paths for plugins: thin modules that only import each other, and the rooms below.
        *("clerk", "cli", "db", "fetcher", "finance_db", "migrations", "models"),
        *("ocr_utils", "pipeline", "plugin_loader", "queue_db", "testing", "workers", "utils"),
        *("meetings", "fetching", "compilation", "text"),
        *(
            "reading",
            "publication",
            "sites",
            "acts",
            "pauses",
            "queue",
            "output",
            "plugin",
            "database",
            "providers",
            "run_ids",
        ),
        *(
            "hookspecs",
            "contributions",
            "schedule",
            "job_decorator",
            "jobs",
            "stage",
            "paths",
            "fsync",
            "settings",
            "setting_checks",
            "early_settings",
            "version",
        ),
        *(
            "child_process",
            "archive",
            "own_database",
            "application",
            "redaction",
            "visible",
            "private",
            "trust",
            "collecting",
            "errors",
        ),
    ),
    "clerk_tasks": (
        *("__main__", "testing", "queue", "cli", "board", "waiting", "metrics", "operations", "system", "celery"),
        *("celery_task", "celery_results", "schedules", "worker"),
        *("dispatcher", "recording", "traced_runs", "tracing", "pipeline"),
        *("logs", "broker", "ledger", "job_types", "restarts"),
    ),
}

#: How many imports inside functions the product may have; each says on its line or the line above why.
MOST_INNER_IMPORTS = 25

PORTS = {"cli", "queue", "testing"}

everything = {module.name: module for module in modules()}


def needs(module: Module) -> set[str]:
    """Return which of our modules a module imports, inside functions too."""
    names = {name for name in module.imports() if name in everything and name != module.name}
    # `from package import module` needs the module; that the package's own file runs too makes no circle.
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def room(name: str) -> tuple[str, str]:
    """Return the half of a module, and its room there."""
    half, _, rest = name.partition(".")
    return half, rest.partition(".")[0] or half


def test_no_module_imports_itself_in_a_circle_even_inside_functions() -> None:
    try:
        TopologicalSorter({name: needs(module) for name, module in everything.items()}).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("half", ROOMS)
def test_every_room_is_listed(half: str) -> None:
    found = {room(name)[1] for name in everything if name.partition(".")[0] == half}
    assert found - {half} == set(ROOMS[half]) - {half}


@pytest.mark.parametrize("half", ROOMS)
def test_rooms_import_from_top_to_bottom(half: str) -> None:
    order = {name: place for place, name in enumerate(ROOMS[half])}
    up = [
        f"{name} → {needed}"
        for name, module in everything.items()
        for needed in needs(module)
        if room(name)[0] == room(needed)[0] == half and room(name)[1] != room(needed)[1]
        if order[room(name)[1]] > order[room(needed)[1]]
    ]
    assert up == []


def inner_imports(module: Module) -> list[int]:
    """Return the line of each import inside a function."""
    functions = module.functions()
    inner = {node.lineno for f in functions for node in ast.walk(f) if isinstance(node, ast.Import | ast.ImportFrom)}
    return sorted(inner)


def test_few_imports_are_inside_functions() -> None:
    found = [f"{module.where}:{line}" for module in modules(*PACKAGES) for line in inner_imports(module)]
    assert len(found) <= MOST_INNER_IMPORTS, found


def test_each_import_inside_a_function_says_why() -> None:
    silent = []
    for module in modules(*PACKAGES):
        lines = module.text.splitlines()
        silent += [
            f"{module.where}:{line}"
            for line in inner_imports(module)
            if "#" not in lines[line - 1] and not lines[line - 2].lstrip().startswith("#")
        ]
    assert silent == []


def test_the_core_has_no_other_port() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"]["clerk.providers"]) <= PORTS
