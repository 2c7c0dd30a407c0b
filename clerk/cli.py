"""The command line, under the name that today's plugins import: `cli` is the Typer app, `main` runs it."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Resolve `cli` and `main` when somebody asks for them."""
    if name in ("cli", "main"):
        from clerk.ports import port

        return getattr(port("cli"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
