"""Put a steady load on a worker of two children, with Redis and PostgreSQL, and see what each pressure does to it.

Three phases: before, during and after the pressure. Then the load ends, and every job must end. Rate (in brackets CPU
milliseconds of all processes for one job), latency from the insert to the recorded end, and dead rows at the end of the
phase. Neither side has a machine of its own: the load, the workers and the servers share its cores.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from devtools.bench.measure import Bench, say
from devtools.bench.pressure import SCENARIOS, Outcome, Stage, capacity, drained, run
from devtools.bench.servers import Servers
from devtools.bench.table import PEERS

HEAD = "| pressure | phase | jobs/s | ms p50 / p99 | dead rows |\n|---|---|---:|---:|---:|"


def main() -> None:
    """Print three rows for each scenario."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    peer = next(peer for peer in PEERS if peer.name == "clerk-redis-postgresql")
    print(HEAD)  # noqa: T201
    lost = 0
    for scenario in SCENARIOS:
        if options.only not in scenario.name:
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
            servers = Servers(stack, folder, fsync=options.fsync)
            for name in peer.servers:
                servers.start(name)
            bench = Bench(peer, Path(sys.executable), folder / "measurement", servers)
            stack.callback(bench.stop)
            os.environ |= {name: bench.environment[name] for name in ("BENCH_PID", "BENCH_FOLDER", "BENCH_IGNORED")}
            stage = Stage(bench, servers.start("postgres"))
            capacity(stage)  # the first jobs of a new child take longer
            able = capacity(stage)
            say(f"{scenario.name}: two children do {able:,.0f} jobs of 1 ms each second")
            outcome = run(stage, scenario, able, options.seconds)
            report(scenario.name, outcome)
            if scenario.load > 1:
                say(drained(stage))
            lost += outcome.missing
    sys.exit(1 if lost else 0)


def report(name: str, outcome: Outcome) -> None:
    """Print what was seen."""
    for when, phase in zip(("before", "during", "after"), outcome.phases, strict=True):
        print(f"| {name} | {when} | {phase} |", flush=True)  # noqa: T201
        name = ""
    say(f"{outcome.recorded} recorded, {outcome.missing} without an end")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench pressure", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each phase (default 20)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenarios whose name contains TEXT")
    parser.add_argument("--fsync", action="store_true", help="run PostgreSQL with fsync")
    return parser.parse_args()


if __name__ == "__main__":
    main()
