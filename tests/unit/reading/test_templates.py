"""Our pages and Datasette's own have templates of the same names."""

from __future__ import annotations

from pathlib import Path

from clerk.reading import datasette_plugin


def test_datasette_does_not_find_our_templates() -> None:
    """From Python 3.12 on it takes `templates` and `static` beside a plugin's module for what replaces its own."""
    beside = Path(datasette_plugin.__file__).parent
    assert [name for name in ("templates", "static") if (beside / name).exists()] == []
    assert (beside / "pages" / "templates" / "base.html").is_file()
