"""The embedded broker's parent process: it runs the server while any process holds the users' lock."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from clerk.errors import BrokerUnavailable
from clerk.private import open_private
from clerk_tasks.broker.embedded import START_TIMEOUT, Place, answers, ask, lock
from clerk_tasks.restarts import RestartPause

#: How often to look whether the server lives and has users, in seconds.
POLL = 0.25
#: How long the server may take to stop, in seconds; killing it then loses at most the last two seconds of messages.
STOP_TIMEOUT = 5.0


class Keeper:
    """Runs the server while any process holds the users' lock."""

    def __init__(self, place: Place, program: str) -> None:
        self._place = place
        self._program = program
        self._pause, self._start_again_at = RestartPause(), 0.0
        self._server: subprocess.Popen[bytes] | None = None  # None: it was started by a keeper that is dead now

    def run(self) -> None:
        """Run the server until the last user is gone; return at once if another keeper runs."""
        with open_private(self._place.keeper) as ours, open_private(self._place.users) as users:
            if not lock(ours):
                return
            if _is_gone(self._place):
                self._start()
            self._detach()
            while not lock(users):
                self._heal()
                time.sleep(POLL)
            self._stop()
            fcntl.flock(ours, fcntl.LOCK_UN)  # before `users`: a process that waits for that finds this free

    def _detach(self) -> None:
        """Close the inherited output; the starter waits for the end of its pipe."""
        with open_private(self._place.log) as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())

    def _start(self) -> None:
        self._kill()  # it may be running and unreachable: its socket was deleted
        self._place.make()
        with open_private(self._place.log) as log:
            self._server = subprocess.Popen(
                [self._program, *_options(self._place)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + START_TIMEOUT
        while not answers(self._place):
            if self._server.poll() is not None or time.monotonic() > give_up:
                self._kill()
                raise BrokerUnavailable(_complaint(self._place, self._program))
            time.sleep(0.01)

    def _heal(self) -> None:
        """Start a server that is gone, after a pause that grows while that fails: the disk is full, say."""
        if time.monotonic() < self._start_again_at or self._lives() or not _is_gone(self._place):
            return
        try:
            self._start()
            self._pause.reset()
        except (BrokerUnavailable, OSError) as error:
            pause = self._pause.after(0.0)
            self._start_again_at = time.monotonic() + pause
            _log(f"{error} The next try is in {pause:g} s.")

    def _lives(self) -> bool:
        """Return whether our own child runs and has its socket; no connection is made, which would cost much more."""
        return self._server is not None and self._server.poll() is None and self._place.socket.exists()

    def _stop(self) -> None:
        with suppress(OSError):
            ask(self._place, b"SHUTDOWN")
        give_up = time.monotonic() + STOP_TIMEOUT
        while not _is_gone(self._place) and time.monotonic() < give_up:
            time.sleep(0.01)
        self._kill()
        if self._place.socket.parent != self._place.folder:
            with suppress(OSError):
                self._place.socket.parent.rmdir()

    def _kill(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()


def _log(line: str) -> None:
    """Add a line to the log, if that is possible."""
    with suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} keeper: {line}", flush=True)  # noqa: T201 - see _detach


def _is_gone(place: Place) -> bool:
    """Whether no server listens; one that is stopped, busy or loading its data is not gone."""
    try:
        ask(place, b"PING")
    except (FileNotFoundError, ConnectionRefusedError):
        return True
    except OSError:
        return False
    return False


def _options(place: Place) -> list[str]:
    """Return the server's command line: reachable by this user only, every change on disk within two seconds.

    Its chores run once a second, not ten times: nothing in it expires, and an empty answer to a worker may come late.
    """
    where = ["--port", "0", "--unixsocket", str(place.socket), "--unixsocketperm", "700", "--dir", str(place.folder)]
    return [*where, "--daemonize", "no", "--save", "", "--hz", "1", "--appendonly", "yes", "--appendfsync", "everysec"]


def _complaint(place: Place, program: str) -> str:
    lines = place.log.read_text(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it said nothing"
    problem = f"The embedded broker ({program}) does not start: {last} (see {place.log})."
    return f"{problem} Deleting {place.folder} loses no job."


def main() -> None:
    """Be the keeper: `python -m clerk_tasks.broker.embedded_server HOME SERVER`."""
    if os.fork():  # the starter has no child to wait for, and the keeper no session to die with
        os._exit(0)
    place, program = Place(Path(sys.argv[1])), sys.argv[2]
    os.chdir(place.home)
    try:
        Keeper(place, program).run()
    except BrokerUnavailable as error:
        sys.stdout.write(str(error))
    except OSError as error:
        sys.stdout.write(f"The embedded broker ({program}) does not start: {error}. Its log is {place.log}.")


if __name__ == "__main__":
    main()
