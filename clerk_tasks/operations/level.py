"""How well the system is: the exit codes of `health` and `probe`, and when beat counts as stopped."""

from datetime import timedelta
from enum import IntEnum

#: Beat ticks three times in this; one that has not is not running.
BEAT_SILENCE = timedelta(seconds=90)


class Level(IntEnum):
    """How bad a finding is; the worst one is the exit code."""

    OK = 0
    ATTENTION = 1  # work waits or fails until an operator acts
    DOWN = 2  # nothing can be recorded, or nothing can run
