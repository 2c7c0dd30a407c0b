"""Measure how many jobs a second run in the process of a test: `run_job`, each with its report, and `drain`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clerk import hookimpl
from clerk.testing import Harness, drain, enqueue, run_job

SITE = "alameda.ca"


def noop(subdomain: str) -> None:
    """Do nothing."""


class Noop:
    """A plugin whose only job type does nothing."""

    @hookimpl
    def register_job_types(self) -> dict[str, object]:
        """Return the job type."""
        return {"noop": noop}


def rate(jobs: int, action: Callable[[], object]) -> float:
    """Return how many jobs a second an action runs."""
    began = time.perf_counter()
    action()
    return jobs / (time.perf_counter() - began)


def main() -> None:
    """Run the bench that the command line asks for."""
    parser = argparse.ArgumentParser(prog="script/bench testing", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="jobs for each measurement (default 1000)")
    jobs = parser.parse_args().jobs
    with Harness(plugins=[Noop]):
        run_job("noop", SITE)
        alone = rate(jobs, lambda: [run_job("noop", SITE) for _ in range(jobs)])
        for _ in range(jobs):
            enqueue("noop", SITE)
        drained = rate(jobs, drain)
    print(f"run_job {alone:8.0f} /s\ndrain   {drained:8.0f} /s")  # noqa: T201


if __name__ == "__main__":
    main()
