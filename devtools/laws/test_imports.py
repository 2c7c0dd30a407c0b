"""The law of imports: clerk_tasks → clerk ← plugins, Celery in a few files only, nothing done at import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from devtools.laws.source import PACKAGES, ROOT, Module, modules

pytestmark = pytest.mark.slow

FORBIDDEN = {
    "clerk": {"billiard", "celery", "clerk_tasks", "kombu", "plugins", "typer"},
    "migrations": {"billiard", "celery", "clerk_tasks", "kombu", "plugins", "typer"},
    "plugins": {"billiard", "celery", "clerk_tasks", "kombu", "migrations"},
    "clerk_tasks": {"plugins"},
}
CELERY = {"billiard", "celery", "kombu"}
#: The rooms and files that may know Celery, kombu and billiard.
MAY_IMPORT_CELERY = ("clerk_tasks/broker/", "clerk_tasks/worker/", "clerk_tasks/schedules/", "clerk_tasks/celery.py")

WATCHED = """
import importlib, sys

DOING = {"os.fork", "os.posix_spawn", "os.system", "os.mkdir", "os.remove", "os.rename", "socket.bind",
         "socket.connect", "sqlite3.connect", "subprocess.Popen", "_thread.start_new_thread"}

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in DOING or writes:
        raise RuntimeError(f"{sys.argv[1]} does something at import: {event} {arguments}")

quiet = importlib.import_module  # what other people's modules do is theirs: the watch begins after them
for name in sys.argv[2:]:
    quiet(name)
sys.addaudithook(watch)
for name in sys.argv[1].split():
    importlib.import_module(name)
from clerk.database.engine import engine
from clerk.application import application
assert not application.has(engine), "an engine was made"
found = [name for name in sys.modules if name.partition(".")[0] == "plugins"]
assert not found or "plugins" in sys.argv[1], f"plugins were loaded: {found}"
"""


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    bad = {module.where: found for module in modules(package) if (found := tops(module.imports()) & FORBIDDEN[package])}
    assert bad == {}


def test_a_plugin_imports_no_other_plugin() -> None:
    bad = {
        module.where: found
        for module in modules("plugins")
        if (found := {name for name in module.imports() if name.startswith("plugins.")} - parts_of(module))
    }
    assert bad == {}


def parts_of(module: Module) -> set[str]:
    """Return the imports of a module that stay inside its own plugin."""
    own = ".".join(module.name.split(".")[:2])
    return {name for name in module.imports() if f"{name}.".startswith(f"{own}.")}


@pytest.mark.parametrize("folder", [*PACKAGES, "devtools", "script"])
def test_nothing_needs_the_tests_and_no_package_needs_devtools(folder: str) -> None:
    forbidden = {"tests"} | ({"devtools"} if folder in PACKAGES else set())
    bad = {module.where: found for module in modules(folder) if (found := tops(module.imports()) & forbidden)}
    assert bad == {}


def test_few_files_know_celery() -> None:
    know = {module.where for module in modules() if tops(module.imports()) & CELERY}
    assert [where for where in sorted(know) if not where.startswith(MAY_IMPORT_CELERY)] == [
        "clerk_tasks/celery_results.py",
        "clerk_tasks/celery_task.py",
        "clerk_tasks/cli/worker.py",
    ]


def test_commands_open_no_transaction_and_write_no_sql() -> None:
    """A command parses its options, calls a function of `operations`, and prints."""
    forbidden = ("sqlalchemy", "clerk.database.engine", "clerk.database.transactions", "clerk_tasks.ledger")
    bad = {
        module.where: found
        for module in modules("clerk_tasks/cli")
        if (found := {name for name in module.imports() if f"{name}.".startswith(tuple(f"{f}." for f in forbidden))})
    }
    assert bad == {}


@pytest.mark.parametrize("package", ["clerk", "clerk_tasks", "plugins"])
def test_importing_does_nothing_but_define(package: str) -> None:
    ours = modules(package)
    theirs = {name for module in ours for name in module.imports_at_once()} | {
        "clerk.database.engine",
        "celery.app.base",
    }
    foreign = sorted({name for name in tops(theirs) if name not in FORBIDDEN and name != "celeryconfig"})
    foreign += ["datasette.app"]  # it asks SQLite what it can do
    names = " ".join(module.name for module in ours if module.path.name != "__main__.py")
    command = [sys.executable, "-W", "error", "-c", WATCHED, names, *foreign]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
