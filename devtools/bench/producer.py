"""Enqueue jobs at the rate that each line of the standard input asks for; at its end, print how many were recorded."""

from __future__ import annotations

import select
import sys
import time

from clerk.errors import DatabaseUnavailable
from clerk.jobs import JobRequest
from clerk_tasks.dispatcher import enqueue_many
from devtools.bench.peers.clerk_tasks import SITE

#: How often jobs are enqueued, in seconds.
TICK = 0.05


def main() -> None:
    """Enqueue until the standard input ends."""
    recorded, owed, per_second = 0, 0.0, 0.0
    before = time.monotonic()
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], TICK)
        if ready:
            line = sys.stdin.readline()
            if not line:
                break
            per_second, owed = float(line), 0.0
        now = time.monotonic()
        owed, before = owed + per_second * (now - before), now
        if owed < 1:
            continue
        try:
            recorded += len(enqueue_many([JobRequest("brief", SITE)] * int(owed)).job_ids)
        except DatabaseUnavailable:
            continue  # they stay owed
        owed -= int(owed)
    sys.stdout.write(f"{recorded}\n")


if __name__ == "__main__":
    main()
