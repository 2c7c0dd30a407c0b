"""How tables are compared with the model: ours only, with types and defaults."""

from __future__ import annotations

from typing import Any

from clerk.models import metadata


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave alone the tables that other programs keep in the same database."""
    return kind != "table" or name in metadata.tables


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "include_name": ours,
    "compare_type": True,
    "compare_server_default": True,
}
