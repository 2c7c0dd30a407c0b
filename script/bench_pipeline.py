"""Take thousands of one-page PDFs from fetched to published; print the rate, the memory and each stage's time."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from clerk_tasks.broker import embedded  # noqa: E402
from devtools.bench import cpu  # noqa: E402

SITE = "bench.ca"
BODIES = 40


def main() -> None:
    """Run the bench that the command line asks for."""
    options = parse()
    with tempfile.TemporaryDirectory(prefix="clerk-bench-") as name:
        folder = Path(name)
        environment(folder)
        say(f"{options.documents} one-page PDFs, -c {options.concurrency}, embedded broker, SQLite")
        papers = generate(folder / "papers", options.documents)
        loop = bare_loop(papers, folder / "loop")
        with embedded.attached():  # until its CPU time is read
            ours = pipeline(folder, options)
        for name, took in (("fetched to published", ours), ("a bare loop, one core", loop)):
            rate, cpu_ms = options.documents / took.seconds, 1000 * took.cpu / options.documents
            say(f"{name:21} {took.seconds:8.1f} s   {rate:7.1f} pages/s   {cpu_ms:7.1f} ms CPU a page, all processes")
        say(f"ratio of the rates    {loop.seconds / ours.seconds:8.2f}")
        ready, ratio = ours.published, loop.seconds / ours.published
        say(f"until it is published {ready:8.1f} s   without the end of the worker; ratio {ratio:.2f}")
        say(f"peak memory           {ours.memory / 2**20:8.0f} MiB, of all processes together (PSS)")
        for stage, seconds in ours.stages.items():
            say(f"  stage {stage:12}    {seconds:8.1f} s")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench pipeline", description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000, help="how many PDFs (default 10000)")
    parser.add_argument("-c", "--concurrency", type=int, default=2, help="jobs at a time (default 2)")
    return parser.parse_args()


def environment(folder: Path) -> None:
    """Prepare this process and its children: a database, a site, and the plugin whose fetcher copies papers."""
    from devtools import papers_plugin

    for name in ("BROKER_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {
        "BENCH_PID": str(os.getpid()),
        "BENCH_FOLDER": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/civic.db",
        "CLERK_HOME": str(folder / "home"),
        "CLERK_PLUGINS_DIR": str(folder / "plugins"),
        "STORAGE_DIR": str(folder / "sites"),
        "CLERK_PUBLISH_DIR": str(folder / "public"),
        "PAPERS": str(folder / "papers"),
        "GATES": str(folder / "gates"),
    }
    os.chdir(folder)
    for name in ("plugins", "gates"):
        (folder / name).mkdir()
    shutil.copy(papers_plugin.__file__, folder / "plugins")
    from clerk.database.migrate import upgrade
    from clerk.database.transactions import transaction
    from clerk.sites.rows import insert_site

    upgrade()
    with transaction() as connection:
        insert_site(connection, {"subdomain": SITE, "name": "Bench", "state": "CA", "scraper": "folder"})


def generate(folder: Path, count: int) -> list[Path]:
    """Write the PDFs, each with words of its own, spread over some bodies; return their paths."""
    from devtools.pdfs import MINUTES, Pdf

    papers = []
    for number in range(count):
        day = number // BODIES
        paper = (
            folder / f"Body {number % BODIES:02}" / f"{2000 + day // 336}-{day // 28 % 12 + 1:02}-{day % 28 + 1:02}.pdf"
        )
        paper.parent.mkdir(parents=True, exist_ok=True)
        paper.write_bytes(Pdf().text(*MINUTES, f"Item {number} was approved.").made())
        papers.append(paper)
    return papers


def bare_loop(papers: list[Path], folder: Path) -> Measured:
    """Return what plain library calls take in a loop: copy, read, draw, write, compile, copy.

    They are those that one would write down first; what the pipeline does to draw faster is not in them.
    """
    import pypdfium2
    from PIL import ImageChops

    from clerk.compilation.compile import compile_meetings
    from clerk.text.layer import is_sane, tidy

    spent, began = cpu.spent(own=True), time.perf_counter()
    for paper in papers:
        pdf = folder / "pdfs" / paper.parent.name / paper.name
        pdf.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paper, pdf)
        folder_of_text = folder / "txt" / paper.parent.name / paper.stem
        folder_of_text.mkdir(parents=True)
        with closing(pypdfium2.PdfDocument(pdf)) as document, closing(document[0]) as page:
            with closing(page.get_textpage()) as textpage:
                text = tidy(textpage.get_text_range())
            if not is_sane(text):
                sys.exit(f"{pdf} has no text")
            picture = page.render(scale=150 / 72).to_pil()
            red, green, blue = picture.convert("RGB").split()
            is_grey = all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))
            (red if is_grey else picture).save(folder_of_text / "1.png", compress_level=3)
        (folder_of_text / "1.txt").write_text(text)
    compile_meetings(folder, SITE, into=folder / "meetings.db")
    shutil.copy(folder / "meetings.db", folder / "published.db")
    return Measured(time.perf_counter() - began, cpu.spent(own=True) - spent)


@dataclass
class Measured:
    """What a passage took."""

    seconds: float = 0.0
    cpu: float = 0.0  # seconds of all processes
    memory: int = 0  # bytes
    stages: dict[str, float] = field(default_factory=dict)  # seconds
    published: float = 0.0  # seconds until the run had ended


def pipeline(folder: Path, options: argparse.Namespace) -> Measured:
    """Run one passage of the site with a worker of every pool, from its enqueueing to its end."""
    from clerk_tasks.operations import updates

    measured, spent, began, enqueued = Measured(), cpu.spent(), time.perf_counter(), time.time()
    updates.update_meetings(SITE)
    command = [sys.executable, "-m", "clerk_tasks", "worker", "-c", str(options.concurrency), "--burst"]
    with Path("worker.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as worker:
        while worker.poll() is None:
            measured.memory = max(measured.memory, memory_of(worker.pid))
            with suppress(subprocess.TimeoutExpired):
                worker.wait(1)
    measured.seconds, measured.cpu = time.perf_counter() - began, cpu.spent() - spent
    measured.stages, ended = check(folder, options.documents)
    measured.published = ended - enqueued
    return measured


def memory_of(pid: int) -> int:
    """Return the bytes that a process and its descendants have, what they share counted once."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return total


def check(folder: Path, documents: int) -> tuple[dict[str, float], float]:
    """See that every page was published; return the seconds of each stage, and when the run ended, since 1970."""
    from clerk.compilation.compile import count_pages
    from clerk.database.transactions import reading
    from clerk_tasks.ledger import queries

    with reading() as connection:
        (run,) = queries.list_runs(connection, subdomain=SITE, state=None, limit=None)
        stages = queries.show_run(connection, run["id"])["stages"]
    published = next((folder / "public").rglob("meetings.db"), None)
    if run["state"] != "completed" or published is None or count_pages(published) != documents:
        sys.exit(f"run {run['state']}, published {published}\n{Path('worker.log').read_text()[-3000:]}")
    took = {stage["name"]: seconds(stage["closed_at"]) - seconds(stage["opened_at"]) for stage in stages}
    return took, seconds(run["finished_at"])


def seconds(moment: str) -> float:
    """Return a moment as seconds."""
    return datetime.fromisoformat(moment).timestamp()


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
