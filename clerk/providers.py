"""What `clerk` needs from the program that runs it, found by name so that it need not import it."""

from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from clerk.errors import ClerkError

PROVIDER_GROUP = "clerk.providers"


@cache
def port(name: str) -> ModuleType:
    """Return the module that supplies a port, cli, queue or testing; ClerkError if none does."""
    for entry_point in entry_points(group=PROVIDER_GROUP, name=name):
        module: ModuleType = entry_point.load()
        return module
    raise ClerkError(
        f"no installed package supplies clerk's {name} (entry points {PROVIDER_GROUP}): install clerk-tasks"
    )
