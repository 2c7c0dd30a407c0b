"""The law of migrations: each file is named as the chain is read, so that none is left out without an error."""

from __future__ import annotations

import ast
import re

from devtools.laws.source import ROOT, Module, modules

FILES = [module for module in modules("migrations") if module.path.parent == ROOT / "migrations/versions"]
MIGRATIONS = [module for module in FILES if module.path.name != "__init__.py"]
NAME = re.compile(r"m(\d\d)_([0-9a-z]+)_\w+\.py")


def declared(module: Module, name: str) -> object:
    """Return the constant that a migration assigns to a name."""
    (value,) = re.findall(rf"^{name}\b.*= (.*)$", module.text, flags=re.MULTILINE)
    return ast.literal_eval(value)


def test_every_migration_is_named_by_its_number_and_revision() -> None:
    wrong = [module.where for module in MIGRATIONS if not NAME.fullmatch(module.path.name)]
    assert wrong == [], "name it mNN_REVISION_words.py, or no database gets it"


def test_the_numbers_follow_the_chain() -> None:
    named = [found.groups() for module in MIGRATIONS if (found := NAME.fullmatch(module.path.name))]
    assert [int(number) for number, _ in named] == list(range(1, len(named) + 1))
    chain = [(declared(module, "down_revision"), declared(module, "revision")) for module in MIGRATIONS]
    revisions = [revision for _, revision in named]
    assert chain == list(zip([None, *revisions], revisions, strict=False))
