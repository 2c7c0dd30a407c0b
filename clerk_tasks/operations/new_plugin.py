"""Write the files of a new plugin: its module, tests that pass, and for a distribution its project."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from string import Template

from clerk.errors import ConflictError, UsageError
from clerk_tasks.job_types.registry import registry

_TEMPLATES = Path(__file__).with_name("plugin_templates")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = frozenset({"clerk", "clerk_tasks", "plugins", "tests", "migrations"})


class PluginKind(StrEnum):
    """What a new plugin begins with."""

    FETCHER = "fetcher"
    ETL = "etl"
    JOB = "job"


def new_plugin(name: str, kind: PluginKind, *, folder: Path, distribution: bool = False) -> list[Path]:
    """Write a plugin and return its files: in `folder`/plugins and tests, or as a project `folder`/NAME.

    Raises UsageError for a name that cannot be one, ConflictError if a file or a job type is there already; then
    nothing is written.
    """
    names = _names(name)
    if kind is not PluginKind.FETCHER and name in registry().job_types:
        raise ConflictError(f"there is a job type {name} already: choose another name")
    files = _distribution(kind, names, folder / name) if distribution else _in_folder(kind, names, folder)
    if there := [path for path in files if path.exists()]:
        raise ConflictError(f"{there[0]} is there already: choose another name, or remove it")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def _names(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name):
        raise UsageError(f"the name {name!r} may hold lower-case letters, digits and single hyphens, a letter first")
    if keyword.iskeyword(module) or module in _TAKEN or module in sys.stdlib_module_names:
        raise UsageError(f"the name {name!r} is taken by Python or clerk: choose another")
    return {"name": name, "module": module, "class_name": "".join(word.capitalize() for word in name.split("-"))}


def _in_folder(kind: PluginKind, names: Mapping[str, str], folder: Path) -> dict[Path, str]:
    return {
        folder / "plugins" / f"{names['module']}.py": _filled(f"{kind}.py", names),
        folder / "tests" / f"test_{names['module']}.py": _filled(f"test_{kind}.py", names),
    }


def _distribution(kind: PluginKind, names: Mapping[str, str], folder: Path) -> dict[Path, str]:
    package = folder / "src" / names["module"]
    return {
        folder / "pyproject.toml": _filled("pyproject.toml", names),
        folder / "README.md": _filled("README.md", names),
        package / "__init__.py": _filled(f"{kind}.py", names),
        package / "py.typed": "",
        folder / "tests" / "conftest.py": _filled("conftest.py", names),
        folder / "tests" / f"test_{names['module']}.py": _filled(f"test_{kind}.py", names),
    }


def _filled(template: str, names: Mapping[str, str]) -> str:
    return Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(names)
