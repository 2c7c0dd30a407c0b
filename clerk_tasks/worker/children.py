"""What the children of one worker are doing, in memory that they share with their parent.

Each child writes which job it works on, before it begins and after the end is recorded. The keeper compares that with
the ledger. The parent writes when the children shall take no further job, whether they shall emit events, how many of
them there shall be, and which pipe takes the output of each.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from clerk_tasks.ledger.claims import Claim
from clerk_tasks.logs import Subject
from clerk_tasks.worker.child_output import ChildOutput

#: The most children of one worker.
MOST_CHILDREN = 1024
#: One child's place: its process id, the attempt, how many jobs it has taken, the job's id, its site and its run. A
#: longer site or run is cut: they are only shown.
_PLACE = struct.Struct("=iII48s128s192s")
_STOPPING = MOST_CHILDREN * _PLACE.size
#: The places that are read together, in bytes, and how they look if no child ever had one of them.
_SOME = 16 * _PLACE.size
_NEVER_USED = bytes(_SOME)
_EMITTING = _STOPPING + 1
_PAUSES = _EMITTING + 1
_CAPTURING = _PAUSES + 1
#: For each place the parent's file descriptor of the pipe for the output; 0: not yet.
_PIPE = struct.Struct("=i")
_PIPES = _CAPTURING + 1
#: How many children there shall be: those in later places retire.
_LIMIT = _PIPES + MOST_CHILDREN * _PIPE.size
_NUMBER = struct.Struct("=H")
#: One byte for each child: whether it is in a slice.
_SLICES = _LIMIT + _NUMBER.size
_SIZE = _SLICES + MOST_CHILDREN
#: How long a child waits for its pipe, in seconds: the parent makes those of a pool that grows once a second.
_PIPE_PATIENCE = 5.0


class Work(NamedTuple):
    """One attempt at one job."""

    job_id: str
    attempt: int


def _shared_file() -> IO[bytes]:
    """Open a file in memory where there is such a thing: a worker that is killed leaves nothing on the disk."""
    if sys.platform == "linux":
        return open(os.memfd_create("clerk-children"), "r+b")  # noqa: PTH123 - no path; open while we live
    return tempfile.NamedTemporaryFile(prefix="clerk-children-")


class Children:
    """The parent's side."""

    def __init__(self) -> None:
        self._file = _shared_file()
        self._file.truncate(_SIZE)
        self._memory = mmap.mmap(self._file.fileno(), _SIZE)
        self.limit(MOST_CHILDREN)
        in_memory = sys.platform == "linux"
        self.path = f"/proc/{os.getpid()}/fd/{self._file.fileno()}" if in_memory else self._file.name

    def working(self) -> dict[int, Work]:
        """Return {process id: what it works on}; a process that is gone may still be among them."""
        return {pid: Work(_text(job_id), attempt) for pid, attempt, _, job_id, *_ in self._places() if attempt}

    def ready(self) -> set[int]:
        """Return the process ids of the children that can work; one that is gone may still be among them."""
        return {pid for pid, *_ in self._places()}

    def taken(self) -> int:
        """Return how many jobs the children have taken, and those before them in their places."""
        return sum(taken for _, _, taken, *_ in self._places())

    def subject(self, index: int) -> tuple[int, Subject | None]:
        """Return how many jobs were taken in a child's place, and which is worked on now."""
        _, attempt, taken, job_id, subdomain, run_id = _PLACE.unpack_from(self._memory, index * _PLACE.size)
        about = Subject(_text(job_id), attempt, _text(subdomain), _text(run_id)) if attempt else None
        return taken, about

    def capture(self) -> bool:
        """Make the children send their output to pipes; return False where a pipe has no name that they can open."""
        self._memory[_CAPTURING] = sys.platform == "linux"
        return bool(self._memory[_CAPTURING])

    def offer_pipe(self, index: int, number: int) -> None:
        """Give a child the file descriptor, of this process, that its output goes to."""
        _PIPE.pack_into(self._memory, _PIPES + index * _PIPE.size, number)

    def _places(self) -> Iterator[tuple[int, int, int, bytes, bytes, bytes]]:
        return (place for _, place in self._numbered())

    def _numbered(self) -> Iterator[tuple[int, tuple[int, int, int, bytes, bytes, bytes]]]:
        for at in range(0, _STOPPING, _SOME):
            some = self._memory[at : at + _SOME]
            if some == _NEVER_USED:
                return  # a pool fills its places in order, and to unpack them all takes a third of a millisecond
            for index, place in enumerate(_PLACE.iter_unpack(some), at // _PLACE.size):
                if place[0]:
                    yield index, place

    def limit(self, number: int) -> None:
        """Ask the children in places from `number` on to retire: each ends after its slice, and begins no other."""
        _NUMBER.pack_into(self._memory, _LIMIT, number)

    def retired(self) -> set[int]:
        """Return the process ids of retiring children that are in no slice, and so own no job and will claim none."""
        (number,) = _NUMBER.unpack_from(self._memory, _LIMIT)
        return {pid for index, (pid, *_) in self._numbered() if index >= number and not self._memory[_SLICES + index]}

    def close(self) -> None:
        """Give the memory up."""
        self._memory.close()
        self._file.close()

    def stop(self) -> None:
        """Ask every child to take no further job."""
        self._memory[_STOPPING] = 1

    def pauses_changed(self) -> None:
        """Make every child look what is paused, before its next job."""
        self._memory[_PAUSES] = (self._memory[_PAUSES] + 1) % 256

    def emit(self, wanted: bool) -> None:
        """Ask every child to emit events, or not to."""
        self._memory[_EMITTING] = wanted


class Child:
    """A child's side; `index` is its place in the pool, which no other child has at the same time."""

    def __init__(self, path: str, index: int) -> None:
        with open(path, "r+b") as file:  # noqa: PTH123 - /proc's names are no paths
            self._memory = mmap.mmap(file.fileno(), _SIZE)
        self._index, self._at = index, index * _PLACE.size
        self._pid = os.getpid()
        self._taken = _PLACE.unpack_from(self._memory, self._at)[2]
        pipe = self._pipe(_PIPES + index * _PIPE.size) if self._memory[_CAPTURING] else 0
        #: Where this process's output can be sent; None where the parent does not take it.
        self.output = ChildOutput(Path(path).with_name(str(pipe))) if pipe else None
        self.rest()
        self.in_slice(False)

    def in_slice(self, inside: bool) -> None:
        """Say whether this process is in a slice; it says so before it looks whether it is `stopping`."""
        if inside and self.output:
            self.output.begin_slice()
        self._memory[_SLICES + self._index] = inside

    def _pipe(self, at: int) -> int:
        until = time.monotonic() + _PIPE_PATIENCE
        while not (pipe := _PIPE.unpack_from(self._memory, at)[0]) and time.monotonic() < until:
            time.sleep(0.02)
        return int(pipe)

    def works_on(self, claim: Claim) -> None:
        """Say which job this process works on."""
        if self.output:
            self.output.begin_job()
        self._taken += 1
        names = [name.encode(errors="replace") for name in (claim.job_id, claim.subdomain, claim.run_id)]
        _PLACE.pack_into(self._memory, self._at, self._pid, claim.attempt, self._taken, *names)

    def rest(self) -> None:
        """Say that this process works on no job, once the parent has read what the last one said."""
        if self.output:
            self.output.end_job()
        _PLACE.pack_into(self._memory, self._at, self._pid, 0, self._taken, b"", b"", b"")

    @property
    def stopping(self) -> bool:
        """Whether this process takes no further jobs."""
        return bool(self._memory[_STOPPING]) or self.retiring

    @property
    def retiring(self) -> bool:
        """Whether the worker has become smaller, and this process is to end."""
        return bool(self._index >= _NUMBER.unpack_from(self._memory, _LIMIT)[0])

    @property
    def pauses(self) -> int:
        """A number that changes when something else is paused than before."""
        return self._memory[_PAUSES]

    @property
    def emitting(self) -> bool:
        """Whether events are wanted."""
        return bool(self._memory[_EMITTING])


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="replace")
