"""The words for where a job, a stage and a run can be."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is; the words are Oban's and River's."""

    SCHEDULED = "scheduled"  # waits for its time, or for its stage to open
    AVAILABLE = "available"  # may be claimed by any worker of its queue
    HELD = "held"  # due, and waits until a limit admits it
    RUNNING = "running"  # owned by one worker child until its lease ends
    RETRYABLE = "retryable"  # failed, and waits for its next attempt
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"  # a dead letter: listed, explained, retried by hand


#: A job in one of these still has something to do.
UNFINISHED = (JobState.SCHEDULED, JobState.AVAILABLE, JobState.RUNNING, JobState.RETRYABLE, JobState.HELD)

#: A job in one of these has not begun, or begins again.
WAITING = (JobState.SCHEDULED, JobState.AVAILABLE, JobState.RETRYABLE, JobState.HELD)

#: A job in one of these counts against its limit.
ADMITTED = (JobState.AVAILABLE, JobState.RUNNING)

#: A job in one of these waits for its time, or for its stage to open.
LATER = (JobState.SCHEDULED, JobState.RETRYABLE)

#: A job in one of these ended without success; an operator may retry it.
UNSUCCESSFUL = (JobState.CANCELLED, JobState.DISCARDED)

#: A job in one of these has ended.
FINISHED = (JobState.COMPLETED, JobState.CANCELLED, JobState.DISCARDED)


class StageState(StrEnum):
    """Where a stage of a run is."""

    WAITING = "waiting"  # an earlier stage has not ended
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


#: A stage in one of these has not ended.
UNENDED = (StageState.OPEN, StageState.WAITING)


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: A run in one of these is at work, or ended without success.
UNCOMPLETED = (RunState.RUNNING, RunState.FAILED, RunState.CANCELLED)
