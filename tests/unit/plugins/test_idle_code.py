"""What a plugin file offers and nothing calls is named once, with file and line."""

from __future__ import annotations

import pytest

from clerk.errors import NotFoundError
from clerk.plugin.loader import forget_plugins, plugins
from clerk_tasks.cli.main import main
from clerk_tasks.job_types.registry import registry
from tests.unit.plugins.conftest import Write, names, quarantined

WORKING = """
class Plugin:
    @hookimpl
    def fetcher_class(self, label):
        return None
"""


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [
        ("LABEL = 1\n", "it brings no plugin", 1),
        ("class Plugin:\n    def fetcher_class(self, label): ...\n", "method fetcher_class of class Plugin is not", 2),
        ("@hookimpl\ndef fetcher_class(label): ...\n", "function fetcher_class is marked with @hookimpl outside", 1),
        (f"{WORKING}\n    def post_create(self, subdomain): ...\n", "method post_create of class Plugin is not", 7),
        (f"{WORKING}\n\n@hookimpl\ndef post_create(subdomain): ...\n", "function post_create is marked with", 8),
    ],
)
def test_what_is_never_called_is_named(write: Write, source: str, error: str, line: int) -> None:
    path = write("acme.py", source)
    first = path.read_text().index(source)
    before = path.read_text()[:first].count("\n")
    (entry,) = quarantined()
    assert entry.error.startswith(error)
    assert entry.place == f"{path.resolve()}:{line if 'brings' in error else line + before}"
    assert names() == (["acme"] if "Plugin" in source and "return None" in source else [])


@pytest.mark.parametrize(
    "statement", ["from plugins.helper import LABEL", "from plugins import helper", "import plugins.helper as h"]
)
def test_a_file_that_another_imports_is_no_plugin_and_no_fault(write: Write, statement: str) -> None:
    """Guard: is_imported, also of an import inside a function."""
    write("helper.py", "LABEL = 1\n")
    write("acme.py", f"{WORKING}\n\ndef later():\n    {statement}\n")
    assert (names(), quarantined()) == (["acme"], [])


FAULTY = """
async def slow(subdomain): ...

def swapped(run_id, subdomain): ...

def late(name, subdomain): ...

class Plugin:
    def method(self, subdomain): ...

    @hookimpl
    def register_job_types(self):
        return {"slow": slow, "swapped": swapped, "late": late, "unbound": Plugin.method, "nothing": object()}

    @hookimpl
    def register_schedules(self):
        raise ValueError(self)
"""


def test_each_finding_has_a_line_and_no_address_and_is_printed_once(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("acme.py", FAULTY).resolve()
    lines = path.read_text().splitlines()
    assert main(["plugins", "check"]) == 1
    shown = capsys.readouterr()
    assert "acme" not in shown.err
    for problem, at in {
        "job type slow: function: slow must be a plain function": "async def slow(subdomain): ...",
        "job type swapped: function: its first parameter is run_id": "def swapped(run_id, subdomain): ...",
        "job type late: function: its parameter subdomain must be the first": "def late(name, subdomain): ...",
        "job type unbound: function: its first parameter is self: register": "    def method(self, subdomain): ...",
        "hook register_schedules: ValueError": "        raise ValueError(self)",
    }.items():
        assert shown.out.count(problem) == 1
        assert f"{path}:{lines.index(at) + 1})" in shown.out.partition(problem)[2].partition(";")[0]
    assert "0x" not in shown.out


def test_an_unknown_job_type_names_the_quarantined_plugin_that_would_bring_it(write: Write) -> None:
    write("acme.py", FAULTY)
    with pytest.raises(NotFoundError, match=r"Plugin acme would bring it, but it is quarantined: function: its first"):
        registry().get("swapped")
    write("broken.py", "raise RuntimeError\n")
    forget_plugins()
    plugins()
    with pytest.raises(NotFoundError, match=r"A quarantined plugin may bring it .*: broken\.$"):
        registry().get("elsewhere")
