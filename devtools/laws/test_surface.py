"""What others build on: the names of `clerk`, the settings, the content of the wheel."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from pydantic import AliasChoices

import clerk
from clerk.hookspecs import ClerkSpec
from clerk.settings import Settings
from devtools.laws.source import ROOT, modules

SETTINGS_PAGE = ROOT / "docs/reference/settings.md"


def test_the_names_of_clerk_are_sorted_complete_and_there() -> None:
    assert clerk.__all__ == sorted(clerk.__all__, key=str)
    (init,) = [module for module in modules("clerk") if module.name == "clerk"]
    imported = {name.rpartition(".")[2] for name in init.imports_at_once() if name.startswith("clerk.")}
    public = {name for name in imported if not hasattr(sys.modules.get(f"clerk.{name}"), "__path__")}
    submodules = {path.stem for path in (ROOT / "clerk").iterdir()}
    assert set(clerk.__all__) == public - submodules
    assert all(hasattr(clerk, name) for name in clerk.__all__)


def variables() -> dict[str, object]:
    """Return every environment variable that we read, with its default; None for a second name of the same."""
    found: dict[str, object] = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        first, *others = alias.choices if isinstance(alias, AliasChoices) else [alias or f"CLERK_{name.upper()}"]
        found[str(first)] = field.default
        found |= {str(other): None for other in others}
    return found


def documented() -> dict[str, str]:
    """Return what the page says: variable -> default, of its tables' first two columns."""
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", SETTINGS_PAGE.read_text(), flags=re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    assert documented().keys() == variables().keys()


@pytest.mark.parametrize(("name", "default"), [(n, d) for n, d in variables().items() if d is not None])
def test_the_documented_default_is_the_default(name: str, default: object) -> None:
    text = documented()[name].strip("`")
    if isinstance(default, float):
        assert float(text) == default
    else:
        assert text == ((" ".join(default) or "none") if isinstance(default, tuple) else str(default))


def locked(name: str) -> dict[str, Version]:
    """Return the versions that a file of requirements/ locks."""
    lines = re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / f"requirements/{name}.txt").read_text(), flags=re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in lines}


@pytest.mark.parametrize("name", ["runtime", "build", "test", "lint"])
def test_what_we_depend_on_is_locked_with_hashes_and_without_an_address(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] if name == "runtime" else project["dependency-groups"][name]
    requirements = [Requirement(text) for text in wanted if isinstance(text, str)]
    versions = locked(name)
    off = [str(r) for r in requirements if not r.specifier.contains(versions.get(canonicalize_name(r.name), "0"))]
    assert off == [], "run script/lock"
    text = (ROOT / f"requirements/{name}.txt").read_text()
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "://" not in text


def test_tests_run_with_what_the_programs_run_with() -> None:
    assert locked("runtime").items() <= locked("test").items() <= locked("lint").items()
    assert locked("build").items() <= locked("test").items()


def test_the_wheel_carries_all_that_the_programs_need(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    shutil.copytree(ROOT, tmp_path / "src", ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"))
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(tmp_path / "src")], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = {module.where for module in modules()}
    tables = {f"plugins/election_finance/{name}.csv" for name in ("agencies", "codes")}
    data = {*tables, "migrations/script.py.mako", "celeryconfig.py"}
    typed = {"clerk/py.typed", "clerk_tasks/py.typed"}
    licence = {f"clerk_tasks-{clerk.__version__}.dist-info/licenses/LICENSE"}
    assert source | data | typed | licence <= inside
    assert {name for name in inside if name.startswith(("tests/", "devtools/", "script/"))} == set()


API_PAGE = ROOT / "docs/reference/plugin-api.md"


def test_every_hook_is_documented_with_its_arguments() -> None:
    hooks = {name: getattr(ClerkSpec, name) for name in dir(ClerkSpec) if not name.startswith("_")}
    signatures = {f"{name}({', '.join(list(inspect.signature(hook).parameters)[1:])})" for name, hook in hooks.items()}
    assert signatures == set(re.findall(r"^\| `(\w+\([\w, ]*\))` \|", API_PAGE.read_text(), flags=re.MULTILINE))


def test_every_name_of_clerk_is_documented() -> None:
    assert set(clerk.__all__) == set(re.findall(r"^\| `(\w+)` \|", API_PAGE.read_text(), flags=re.MULTILINE))
