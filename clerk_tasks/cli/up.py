"""`clerk-tasks up`: the whole system in one terminal."""

from __future__ import annotations

import signal
import socket
from importlib.util import find_spec

import typer

from clerk.settings import settings
from clerk_tasks.cli import output
from clerk_tasks.cli.options import Concurrency
from clerk_tasks.metrics.server import parse_address
from clerk_tasks.system import supervisor

#: What the extra `board` installs.
_BOARD_NEEDS = ("jinja2", "python_multipart", "sse_starlette", "starlette", "uvicorn")


def command(
    concurrency: Concurrency = None,
) -> None:
    """Run a worker for every pool, beat and the board, until interrupted. A process that dies is restarted."""
    ended_by = supervisor.run(supervisor.plan(concurrency) | board())
    raise typer.Exit(output.INTERRUPTED if ended_by is signal.SIGINT else 0)


def board() -> dict[str, list[str]]:
    """Return the command of the board; none, with a line that says why, where it cannot run."""
    listen = settings().board_listen
    if listen == "off":
        return {}
    host, port = parse_address(listen)
    if any(find_spec(name) is None for name in _BOARD_NEEDS):
        output.note("No board: pip install 'clerk-tasks[board]'")
    elif problem := _why_taken(host, port):
        output.note(f"No board at {listen}: {problem}; CLERK_BOARD_LISTEN names another address.")
    else:
        return {"board": ["board"]}
    return {}


def _why_taken(host: str, port: int) -> str | None:
    """Return why an address cannot be listened on; None if it can."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None
