"""Names that become paths: checked before they touch the file system, resolved inside STORAGE_DIR."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from clerk.errors import UsageError
from clerk.settings import settings

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)

#: The longest name that DNS allows.
MAX_SUBDOMAIN = 253


def is_subdomain(name: object) -> bool:
    """Return whether this is lowercase labels of [a-z0-9-] joined by dots."""
    return isinstance(name, str) and len(name) <= MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(name) is not None


def validate_subdomain(subdomain: str) -> str:
    """Return the subdomain as it is; UsageError unless it is one."""
    if is_subdomain(subdomain):
        return subdomain
    raise UsageError(
        f"bad subdomain {subdomain!r:.80}: use a-z, 0-9 and -, in labels joined by dots, such as alameda.ca"
    )


def site_dir(subdomain: str) -> Path:
    """Return the folder of a site, which need not exist; UsageError if the subdomain is not one."""
    return inside(settings().storage_dir, validate_subdomain(subdomain))


def inside(folder: Path, *parts: str) -> Path:
    """Join and resolve; UsageError if the result, symbolic links followed, leaves `folder`."""
    base = os.path.realpath(folder)
    path = _joined(base, parts) or os.path.realpath(Path(base, *parts))
    if not f"{path}/".startswith(f"{base.rstrip('/')}/"):
        raise UsageError(f"{'/'.join(parts)!r} lies outside {folder}")
    return Path(path)


def _joined(base: str, parts: Sequence[str]) -> str | None:
    """Return resolved `base` and parts joined, if they are plain names and no links: resolving all takes long."""
    path = base.rstrip("/")
    for part in filter(None, parts):
        for name in part.split("/"):
            path = f"{path}/{name}"
            if name in ("", ".", "..") or "\0" in name or os.path.islink(path):  # noqa: PTH114 - faster
                return None
    return path
