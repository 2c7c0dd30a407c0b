"""Celery settings that a test needs otherwise: a configuration of its own, before ours on the path."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import celeryconfig

SOURCE = """
from importlib.util import module_from_spec, spec_from_file_location

_spec = spec_from_file_location("_product_celeryconfig", {ours!r})
_ours = module_from_spec(_spec)
_spec.loader.exec_module(_ours)
globals().update({{name: value for name, value in vars(_ours).items() if not name.startswith("_")}})
globals().update({changes!r})
"""


def celery_settings(folder: Path, **changes: Any) -> dict[str, str]:
    """Return the environment in which a program finds celeryconfig.py with these changes."""
    folder.mkdir()
    source = dedent(SOURCE).format(ours=celeryconfig.__file__, changes=changes)
    (folder / "celeryconfig.py").write_text(source)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
