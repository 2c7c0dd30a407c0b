"""Bare Celery as its documentation makes tasks safe, late acknowledgement and all: what our fleet is compared with.

It leaves the same traces as our jobs: `EFFECTS` names the file of effects, `{EFFECTS}.began` that of attempts.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from celery import Celery

from devtools.jobs_plugin import trace

app = Celery("bare", broker=os.environ.get("BROKER_URL"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue="default",
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
)


@app.task(bind=True)  # type: ignore[untyped-decorator]
def nap(self: Any, seconds: float) -> None:
    """Take a while, then leave an effect."""
    trace(".began", self.request.id, 1, os.getpid())
    threading.Event().wait(seconds)
    trace("", "nap", self.request.id, 1)


@app.task(bind=True)  # type: ignore[untyped-decorator]
def dies(self: Any) -> None:
    """Take the whole process along, every time."""
    trace(".began", self.request.id, 1, os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
