"""Trees of texts, as OCR leaves them."""

from pathlib import Path


def write_tree(site: Path, texts: dict[str, str]) -> Path:
    """Write texts by their path below the site, without the ending: {"txt/CityCouncil/2026-08-03/1": ...}."""
    for name, text in texts.items():
        path = site / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return site
