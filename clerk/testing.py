"""The test kit for plugins: run jobs in this process, on a database and storage of the test's own."""

from typing import TYPE_CHECKING, Any

from clerk.providers import port

if TYPE_CHECKING:
    from clerk_tasks.testing.kit import *  # noqa: F403 - for type checkers: what `port("testing")` supplies


def __getattr__(name: str) -> Any:
    """Resolve a name when it is imported."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(port("testing"), name)
