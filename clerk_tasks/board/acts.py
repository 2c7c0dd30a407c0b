"""What operators can do on the board: the one place that lists the acts, by the last part of their address."""

from __future__ import annotations

from clerk_tasks.board.enqueue_act import ENQUEUE
from clerk_tasks.board.job_acts import JOB_ACTS
from clerk_tasks.board.system_acts import SYSTEM_ACTS

ACTS = {"enqueue": ENQUEUE, **JOB_ACTS, **SYSTEM_ACTS}
