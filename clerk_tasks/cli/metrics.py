"""`clerk-tasks metrics`: serve metrics to Prometheus."""

from __future__ import annotations

import signal
from threading import Thread
from types import FrameType
from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.metrics import exposition, prepare
from clerk_tasks.metrics.server import MetricsServer, parse_address
from clerk_tasks.operations.health import check_database


def command(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to serve /metrics; port 0 takes a free one.")
    ] = "127.0.0.1:9801",
    once: Annotated[bool, typer.Option("--once", help="Print the metrics and exit.")] = False,
) -> None:
    """Serve metrics to Prometheus until interrupted. All come from the database, so a restart loses none."""
    address = parse_address(listen)
    check_database()
    if once:
        prepare()
        for line in exposition().decode().splitlines():
            output.print_line(line)
        return
    server = MetricsServer(*address)
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        Thread(target=server.shutdown).start()  # it waits for the loop that this handler interrupts

    with server:
        prepare()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        output.print_line(f"Metrics are at {server.url}")
        output.flush()
        server.serve_forever()
    raise typer.Exit(output.INTERRUPTED if signal.SIGINT in received else 0)
