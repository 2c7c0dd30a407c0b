"""Both pipelines before your eyes: a city's minutes, searched; three municipalities' election finance, added up."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import demo_finance as finance  # noqa: E402
import demo_meetings as meetings  # noqa: E402
from demo_steps import PROGRAM, clerk_tasks, say  # noqa: E402

from clerk_tasks.cli.output import print_line  # noqa: E402
from devtools import city_site, netfile_site  # noqa: E402
from devtools.services import free_port  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Run the demo; return 0 if every figure is as it was put into the PDFs and the workbooks."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "demo", help="where to put what is made")
    folder = parser.parse_args().folder.resolve()
    began = time.monotonic()
    empty(folder)
    with city_site.serving() as city, netfile_site.serving() as netfile:
        city_site.fill(city)
        prepare(folder, CLERK_FINANCE_BASE_URL=netfile.url, CLERK_PUBLISH_DIR=str(folder / "published"))
        say(f"a city's website at {city.url}, and a small NetFile at {netfile.url}")
        board = f"127.0.0.1:{free_port()}"
        os.environ["CLERK_BOARD_LISTEN"] = board
        with system(folder):
            say(f"the board is at http://{board}/ while the demo runs")
            finance.run()
            meetings.run(city)
    say(f"the system has ended; its log is {folder / 'up.log'}")
    wrong = [*finance.show(folder / "sites"), *meetings.show(folder / "sites", folder / "published")]
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)  # noqa: T201
    say("every figure is as written" if not wrong else "some figures are not as written")
    databases = " ".join(
        map(str, [*sorted(folder.glob("sites/*/finance/*.db")), *sorted(folder.glob("published/*/*.db"))])
    )
    datasette = Path(sys.executable).with_name("datasette")
    print_line(f"Took {time.monotonic() - began:.0f} s. To look around:")
    print_line(f"  {datasette} {databases}")
    return 1 if wrong else 0


def empty(folder: Path) -> None:
    """Make a folder, or empty it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def prepare(folder: Path, **settings: str) -> None:
    """Run this process and its children inside the folder, with the embedded broker and SQLite."""
    for name in [name for name in os.environ if name in ("BROKER_URL", "REDIS_URL") or name.startswith("CLERK_")]:
        del os.environ[name]
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{folder}/civic.db",
        "STORAGE_DIR": str(folder / "sites"),
        "CLERK_HOME": str(folder / "clerk"),
        **settings,
    }
    os.chdir(folder)


@contextmanager
def system(folder: Path) -> Iterator[None]:
    """Run `up` in the background; its worker has registered when the block begins."""
    say("clerk-tasks db upgrade")
    clerk_tasks("db", "upgrade")
    say("clerk-tasks up &")
    log = folder / "up.log"
    with log.open("w") as output:
        running = subprocess.Popen([*PROGRAM, "up", "-c", "2"], stdout=output, stderr=output)
    try:
        give_up = time.monotonic() + 60
        while b'"worker"' not in subprocess.run([*PROGRAM, "health", "--json"], capture_output=True).stdout:
            if running.poll() is not None or time.monotonic() > give_up:
                sys.exit(f"the system did not start:\n{log.read_text()}")
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        ended = running.wait(60)
    if ended:
        sys.exit(f"the system ended with code {ended}; see {log}")


if __name__ == "__main__":
    sys.exit(main())
