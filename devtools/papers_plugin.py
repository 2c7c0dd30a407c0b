"""A plugin for a plugins directory: a city whose papers lie in a folder, and gates at which a test stops its run.

`PAPERS` names the folder; what lies there as {meeting}/{date}.pdf is fetched. Where `{GATES}/{name}` exists, whoever
gets there leaves its process id in `{GATES}/{name}.reached` and waits until the gate is gone.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clerk import Fetcher, hookimpl


def gate(name: str) -> None:
    """Wait here for as long as the gate stands."""
    closed = Path(os.environ["GATES"]) / name
    if closed.exists():
        closed.with_suffix(".reached").write_text(str(os.getpid()))
        while closed.exists():
            threading.Event().wait(0.02)


class FolderFetcher(Fetcher):
    """Copies the papers that are not here yet."""

    def fetch_events(self) -> None:
        """Copy them, with a gate after the first."""
        for paper in sorted(Path(os.environ["PAPERS"]).glob("*/*.pdf")):
            target = self.layout.pdf("minutes", paper.parent.name, paper.stem)
            if not self.check_if_exists(paper.parent.name, paper.stem, "minutes"):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(paper, target.with_suffix(".part"))
                target.with_suffix(".part").replace(target)
                self.document_fetched("minutes", paper.parent.name, paper.stem)
            gate("fetch")


class PapersPlugin:
    """The fetcher of label "folder", and a gate at every hook."""

    @hookimpl
    def fetcher_class(self, label: str) -> type | None:
        return FolderFetcher if label == "folder" else None

    @hookimpl
    def upload_static_file(self, file_path: str, storage_path: str) -> None:
        gate("ocr")

    @hookimpl
    def pre_compilation(self, subdomain: str, run_id: str) -> None:
        gate("compilation")

    @hookimpl
    def post_compilation(self, subdomain: str, database_path: str, run_id: str) -> None:
        gate("compiled")

    @hookimpl
    def deploy_municipality(self, subdomain: str) -> None:
        gate("deploy")

    @hookimpl
    def post_deploy(self, site: Mapping[str, Any]) -> None:
        gate("deployed")
