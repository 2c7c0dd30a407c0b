"""The main job before your eyes: three invented municipalities, from NetFile-shaped workbooks to finance databases."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from clerk_tasks.cli.output import print_line, print_table  # noqa: E402
from tests.support.netfile_site import MUNICIPALITIES, Municipality, expected, serving  # noqa: E402

PROGRAM = [sys.executable, "-m", "clerk_tasks"]


def main() -> int:
    """Run the demo; return 0 if every figure is as it was written into the workbooks."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "demo", help="where to put what is made")
    folder = parser.parse_args().folder.resolve()
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with serving() as netfile:
        prepare(folder, netfile.url)
        say(f"a small NetFile serves {len(MUNICIPALITIES)} invented municipalities at {netfile.url}")
        system = start_system(folder)
        try:
            for place in MUNICIPALITIES:
                add_site(place)
            clerk_tasks("finance", "etl", "--all", "--wait")
        finally:
            system.send_signal(signal.SIGINT)
            ended = system.wait(60)
    say(f"the system ended with code {ended}; its log is {folder / 'up.log'}")
    wrong = [line for place in MUNICIPALITIES for line in show(folder, place)]
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)  # noqa: T201
    databases = " ".join(str(database(folder, place)) for place in MUNICIPALITIES)
    say("every figure is as written" if not wrong else "some figures are not as written")
    print_line(f"Took {time.monotonic() - began:.0f} s. To look around:\n  uvx datasette {databases}")
    return 1 if wrong or ended else 0


def prepare(folder: Path, netfile: str) -> None:
    """Have this process and its children work inside the folder, with the embedded broker and SQLite."""
    for name in ("BROKER_URL", "REDIS_URL", "CLERK_PLUGINS_DIR"):
        os.environ.pop(name, None)
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{folder}/civic.db",
        "STORAGE_DIR": str(folder / "sites"),
        "CLERK_HOME": str(folder / "clerk"),
        "CLERK_FINANCE_BASE_URL": netfile,
    }
    os.chdir(folder)


def start_system(folder: Path) -> subprocess.Popen[bytes]:
    """Start `up` in the background, and wait until its worker has registered."""
    say("clerk-tasks db upgrade")
    clerk_tasks("db", "upgrade")
    say("clerk-tasks up &")
    log = (folder / "up.log").open("w")
    system = subprocess.Popen([*PROGRAM, "up", "-c", "2"], stdout=log, stderr=log)
    give_up = time.monotonic() + 60
    while b'"worker"' not in subprocess.run([*PROGRAM, "health", "--json"], capture_output=True, check=False).stdout:
        if system.poll() is not None or time.monotonic() > give_up:
            sys.exit(f"the system did not start:\n{(folder / 'up.log').read_text()}")
    return system


def add_site(place: Municipality) -> None:
    """Add a municipality through the command line."""
    extra = json.dumps({"netfile_agency": place.shortcut})
    options = ["--name", place.name, "--state", "CA", "--start-year", str(place.first_year), "--finance"]
    clerk_tasks("sites", "add", place.subdomain, *options, "--extra", extra)


def clerk_tasks(*arguments: str) -> None:
    """Run one command of the program, as an operator would."""
    if subprocess.run([*PROGRAM, *arguments], check=False).returncode:
        sys.exit(f"clerk-tasks {' '.join(arguments)} failed; see above")


def database(folder: Path, place: Municipality) -> Path:
    """Return where a municipality's finance database is."""
    return folder / "sites" / place.subdomain / "finance" / "election_finance.db"


def show(folder: Path, place: Municipality) -> list[str]:
    """Print what was made of a municipality; return what differs from what its workbooks say."""
    path, wanted = database(folder, place), expected(place)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row

    def rows(sql: str) -> list[dict[str, object]]:
        return [dict(row) for row in connection.execute(sql)]

    gifts, money = connection.execute(
        "SELECT count(*), round(sum(amount), 2) FROM monetary_contributions WHERE is_current = 1"
    ).fetchone()
    totals = rows("SELECT committee_id, committee_name, year, contributions, expenditures FROM committee_totals")
    top = rows("SELECT contributor_name, gifts, total FROM top_contributors ORDER BY total DESC, name_norm LIMIT 3")
    print_line(f"\n{place.name} ({place.subdomain}): {gifts} contributions, ${money:,.2f}   {path}")
    print_table(totals, ("committee_name", "year", "contributions", "expenditures"))
    print_table(top, ("contributor_name", "gifts", "total"))
    found = {
        (row["committee_id"], row["year"]): (row["contributions"], row["expenditures"])
        for row in totals
    }
    checks = {
        "number of contributions": (gifts, wanted.gifts),
        "sum of contributions": (money, wanted.money),
        "committee totals": ({key: found.get(key) for key in wanted.totals}, wanted.totals),
        "largest contributor": (top[0]["total"], wanted.top[1]),
    }
    return [f"{place.name}: {what}: {got}, not {want}" for what, (got, want) in checks.items() if got != want]


def say(text: str) -> None:
    """Say what happens."""
    print(f"==> {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
