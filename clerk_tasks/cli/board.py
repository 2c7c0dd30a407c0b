"""`clerk-tasks board`: serve the board."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from clerk.errors import ClerkError
from clerk.settings import settings
from clerk_tasks.cli import output
from clerk_tasks.metrics.server import parse_address
from clerk_tasks.operations.health import check_database

try:
    from clerk_tasks.board.server import BoardServer
except ModuleNotFoundError as error:
    MISSING = error.name
else:
    MISSING = None

#: Where the board is served if the setting says `off`.
DEFAULT = "127.0.0.1:8400"


def command(
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Where to serve it (default: CLERK_BOARD_LISTEN); port 0 takes a free one."
        ),
    ] = None,
) -> None:
    """Serve the board, pages for operators, until interrupted.

    On this machine it needs no password. With another address it is read-only until CLERK_BOARD_PASSWORD or
    CLERK_BOARD_TOKEN is set.
    """
    if MISSING is not None:
        raise ClerkError(f"The board needs {MISSING}: pip install 'clerk-tasks[board]'.")
    configured = settings().board_listen
    address = parse_address(listen or (DEFAULT if configured == "off" else configured))
    check_database()
    server = BoardServer(*address)
    output.print_line(f"The board is at {server.url}")
    if server.access.banner:
        output.warn(server.access.banner)
    output.flush()
    ended_by = server.serve()
    raise typer.Exit(output.INTERRUPTED if ended_by is signal.SIGINT else 0)
