"""A child process that reads documents: started, asked, timed, and buried."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from typing import Any

from clerk.text.document import MIB, DocumentError, Limits

Message = dict[str, Any]

#: What the child may know of our environment: it reads untrusted files, so no passwords.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TESSDATA_PREFIX")


class Child:
    """One `clerk.text.child`; `served` counts the documents that it was asked for."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        self._process = _start(theirs)
        theirs.close()
        self.served = 0

    def ask(self, request: Message, limits: Limits) -> Iterator[Message]:
        """Yield the answers up to the last; DocumentError if the child falls silent for too long, or dies."""
        self.served += 1
        end = time.monotonic() + limits.seconds
        try:
            self._connection.send_bytes(json.dumps({**request, "limits": asdict(limits)}).encode())
            while "done" not in (message := self._next(end, limits)):
                if "error" in message:
                    raise DocumentError(message["error"], message["reason"])
                yield message
        except (EOFError, OSError):
            raise self._post_mortem(limits) from None

    def _next(self, end: float, limits: Limits) -> Message:
        left = end - time.monotonic()
        if self._connection.poll(max(0.0, min(left, limits.page_seconds))):
            message: Message = json.loads(self._connection.recv_bytes())
            return message
        over = (
            f"took longer than {limits.page_seconds:g} s"
            if left > limits.page_seconds
            else f"was not done when the document's {limits.seconds:g} s were over"
        )
        raise DocumentError("timeout", over)

    def close(self) -> None:
        """End the process, and whatever it has started, now."""
        self._connection.close()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _post_mortem(self, limits: Limits) -> DocumentError:
        """Say why the child died; libraries that run out of memory abort, so how much it had is the clue.

        Linux lets a process begin with the peak of the one that started it: a fat worker makes a crash look like that.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        if usage.ru_maxrss * 1024 > limits.memory / 4:
            return DocumentError("memory", f"needs more memory than the limit of {limits.memory // MIB} MiB")
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return DocumentError("crash", f"crashed the process that read it ({how})")


def _start(theirs: Connection[Any, Any]) -> subprocess.Popen[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(("PYTHON", "LC_"))
    }
    return subprocess.Popen(
        # -P: nothing that lies in the working directory is imported.
        [sys.executable, "-P", "-m", "clerk.text.child", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**environment, "OMP_THREAD_LIMIT": "1"},
        start_new_session=True,  # so that what it starts can be ended with it
    )
