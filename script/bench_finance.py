"""Load large files of a source of money, beside a bare loop of the same libraries; print times and memory."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from devtools.bench.finance import SITE, drop_of  # noqa: E402
from devtools.bench.finance_books import write_book  # noqa: E402
from devtools.bench.finance_texts import write_texts  # noqa: E402

FIRST_YEAR = 2001
NAMES = {"bare": "a bare loop", "ours": "file to published"}
SOURCES = ("workbook", "efile", "sheet", "cal201", "search")


@dataclass(frozen=True)
class Passage:
    """What a passage took: seconds, CPU seconds, bytes of its processes together, and how many workbooks it opened."""

    seconds: float
    cpu: float
    memory: int
    opened: int


def main() -> None:
    """Run the bench that the command line asks for."""
    options = parse()
    with tempfile.TemporaryDirectory(prefix="clerk-bench-") as name:
        folder = Path(name)
        prepare(folder)
        each = options.rows // options.workbooks
        if options.source == "workbook":
            for year in range(FIRST_YEAR, FIRST_YEAR + options.workbooks):
                write_book(drop_of(folder) / f"{year}.xlsx", each, year, shared=not options.inline)
        else:
            write_texts(options.source, drop_of(folder), options.rows, FIRST_YEAR)
        files = len(list(drop_of(folder).iterdir()))
        say(f"{each * options.workbooks} rows of schedules A and E; source: {options.source}; files: {files}")
        say(f"the best of {options.rounds} rounds, in which both sides take turns; CPU and memory: of all processes")
        found: dict[str, list[Passage]] = {passage: [] for passage in NAMES}
        for _ in range(options.rounds):
            for passage in NAMES:
                found[passage].append(run(passage, options.source, folder))
        report(found, options)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench finance", description=__doc__)
    parser.add_argument("--source", choices=SOURCES, default=SOURCES[0], help="kind of files (default workbook)")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of all workbooks together (default 100000)")
    parser.add_argument("--workbooks", type=int, default=1, help="how many workbooks, one a year (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; the best counts (default 3)")
    parser.add_argument("--inline", action="store_true", help="write texts into their cells, not as shared strings")
    return parser.parse_args()


def prepare(folder: Path) -> None:
    """Prepare this process and its children: a database, a site, and its drop folder."""
    for name in ("BROKER_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{folder}/civic.db",
        "CLERK_HOME": str(folder / "home"),
        "CLERK_PLUGINS_DIR": str(folder / "plugins"),
        "STORAGE_DIR": str(folder / "sites"),
        "PYTHONPATH": str(ROOT),
    }
    drop_of(folder).mkdir(parents=True)
    from clerk.database.migrate import upgrade
    from clerk.database.transactions import transaction
    from clerk.sites.rows import insert_site

    upgrade()
    with transaction() as connection:
        insert_site(connection, {"subdomain": SITE, "name": "Bench", "state": "CA"})


def run(passage: str, source: str, folder: Path) -> Passage:
    """Make one passage, from an empty place, in a process of its own."""
    for left in (folder / "bare.db", *drop_of(folder).parent.glob("*.db"), drop_of(folder).parent / "raw"):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    command = [sys.executable, "-m", "devtools.bench.finance", passage, source, str(folder)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        memory = 0
        while True:
            with suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=0.1)
                break
            memory = max(memory, memory_of(process.pid))
    if process.returncode:
        sys.exit(f"{passage} ended with code {process.returncode}")
    took = json.loads(output)
    return Passage(took["seconds"], took["cpu"], memory, took["opened"])


def memory_of(pid: int) -> int:
    """Return the bytes of a process and its children, what they share counted once (PSS)."""
    total = 0
    with suppress(psutil.Error):
        for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total


def report(found: dict[str, list[Passage]], options: argparse.Namespace) -> None:
    """Print the best of each side, and the ratio."""
    best = {passage: min(rounds, key=lambda took: took.seconds) for passage, rounds in found.items()}
    for passage, name in NAMES.items():
        cpu, memory = (min(getattr(took, what) for took in found[passage]) for what in ("cpu", "memory"))
        rate, cpu_ms = options.rows / best[passage].seconds, 1000 * cpu / options.rows
        workbooks = f"  opened {best[passage].opened} workbooks, of {options.workbooks}"
        say(
            f"{name:24} {best[passage].seconds:8.2f} s  {rate:8.0f} rows/s  {cpu_ms:6.3f} ms CPU a row  "
            f"{memory / 2**20:5.0f} MiB{workbooks if options.source == 'workbook' else ''}"
        )
    say(f"ratio of the times       {best['ours'].seconds / best['bare'].seconds:8.2f}")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
