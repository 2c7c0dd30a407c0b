"""Child processes that read untrusted files: both ends, the one that asks and the one that answers.

They get little of our environment and a limit of memory, and end with the process that started them.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from fcntl import F_SETFL, fcntl
from multiprocessing.connection import Connection, Pipe
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import Any

from clerk.errors import ClerkError

MIB = 1 << 20

Message = dict[str, Any]

#: What a child may know of our environment: no passwords.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TESSDATA_PREFIX")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildLimits:
    """What one request may cost: seconds in all, seconds for each answer, bytes of address space and of answers."""

    seconds: float = 3000
    answer_seconds: float = 180
    memory: int = 2048 * MIB
    output: int = 1024 * MIB


class ChildError(ClerkError):
    """A request that failed; `kind` is timeout, memory, crash (ended by a signal), failed, or the child's own word."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class ChildProcess:
    """A Python program that calls `serve`; `served` counts the requests that it was sent."""

    def __init__(self, *program: str, **environment: str) -> None:
        """Start `python PROGRAM FD` with the variables in `environment`."""
        passed = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED_ON or name.startswith(("PYTHON", "LC_"))
        }
        self.served = 0
        self._stderr = TemporaryFile()  # noqa: SIM115 - closed by `close`
        fcntl(self._stderr, F_SETFL, os.O_APPEND)  # so that the child goes on where `ask` cuts the file
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            # -P: nothing that lies in the working directory is imported.
            [sys.executable, "-P", *program, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            env=passed | environment,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        theirs.close()
        self._answers = select.poll()  # `Connection.poll` would make one for each answer
        self._answers.register(self._connection, select.POLLIN)

    def ask(self, request: Message, limits: ChildLimits) -> Iterator[Message]:
        """Yield the answers up to the last; ChildError if one is too late, the child dies, or it reports an error."""
        self.served += 1
        self._stderr.truncate(0)
        end = time.monotonic() + limits.seconds
        try:
            self._connection.send_bytes(json.dumps({**request, "limits": asdict(limits)}).encode())
            while "done" not in (message := self._next(end, limits)):
                if "error" in message:
                    raise ChildError(message["error"], message["reason"])
                yield message
        except (EOFError, OSError):
            raise self._post_mortem(limits) from None

    def _next(self, end: float, limits: ChildLimits) -> Message:
        left = end - time.monotonic()
        if self._answers.poll(1000 * max(0.0, min(left, limits.answer_seconds))):
            message: Message = json.loads(self._connection.recv_bytes())
            return message
        if left > limits.answer_seconds:
            raise ChildError("timeout", f"took longer than {limits.answer_seconds:g} s")
        raise ChildError("timeout", f"was not read within {limits.seconds:g} s")

    def close(self) -> None:
        """Kill the process and all that it has started."""
        self._connection.close()
        self._stderr.close()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _post_mortem(self, limits: ChildLimits) -> ChildError:
        """Say why the child died; libraries that run out of memory abort, so how much it had is the clue.

        Linux lets a process begin with the peak of the one that started it: a fat worker makes a crash look like that.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        if usage.ru_maxrss * 1024 > limits.memory / 4:
            what = ("memory", f"needs more memory than the limit of {limits.memory // MIB:,} MiB")
        elif code < 0:
            what = ("crash", f"crashed the process that read it ({signal.Signals(-code).name})")
        else:
            what = ("failed", f"made the process that read it exit with code {code}")
        return ChildError(what[0], ": ".join([what[1], *self._last_lines()]))

    def _last_lines(self) -> list[str]:
        """Return the end of what the child wrote to stderr for this request, in at most one text."""
        self._stderr.seek(0)
        lines = self._stderr.read()[-4096:].decode(errors="replace").split("\n")
        last = " | ".join(line.strip() for line in lines if line.strip())[-500:]
        return [last] if last else []


def serve(answers: Callable[[Message], Iterator[Message]], plain: Callable[[Any], Any] | None = None) -> None:
    """Answer requests until the parent closes its end; `plain` makes text of values that JSON does not know."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    requests: SimpleQueue[Message] = SimpleQueue()
    Thread(target=_listen, args=(connection, requests), daemon=True).start()
    while True:
        for message in _answered(answers, requests.get(), plain):
            connection.send_bytes(message)


def _listen(connection: Connection[Any, Any], requests: SimpleQueue[Message]) -> None:
    """Take requests; exit at once, even in the middle of an answer, when the parent is gone."""
    with suppress(EOFError, OSError):
        while True:
            requests.put(json.loads(connection.recv_bytes()))
    os._exit(0)


def _answered(
    answers: Callable[[Message], Iterator[Message]], request: Message, plain: Callable[[Any], Any] | None
) -> Iterator[bytes]:
    """Yield the answers to a request, encoded; the last holds `done` or `error`."""
    memory, left = request["limits"]["memory"], request["limits"]["output"]
    for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # macOS refuses some, and an inherited one may be lower
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    try:
        for answer in answers(request):
            message = json.dumps(answer, default=plain).encode()
            if (left := left - len(message)) < 0:
                limit = request["limits"]["output"] // MIB
                raise ChildError("memory", f"holds more text than the limit of {limit:,} MiB")
            yield message
        end: Message = {"done": True}
    except ChildError as error:
        end = {"error": error.kind, "reason": error.reason}
    except MemoryError:
        end = {"error": "memory", "reason": f"needs more memory than the limit of {memory // MIB:,} MiB"}
    except Exception as error:
        end = {"error": "failed", "reason": f"failed: {type(error).__name__}: {error}"}
    yield json.dumps(end).encode()
