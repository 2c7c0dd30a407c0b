"""What a pool's child does when it starts and when it ends."""

from __future__ import annotations

import gc
import multiprocessing.process
import os
import signal
import sys
from typing import Any

import billiard.pool
from celery import current_app

from clerk_tasks.job_types.registry import registry
from clerk_tasks.tracing import flush
from clerk_tasks.worker.executor import executor
from clerk_tasks.worker.pool_initialisers import pool_initialisers


def initialise_child(**_: Any) -> None:
    """In a fresh child: leave Ctrl-C to the parent, and run the initialisers of the pools that it serves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Billiard gives this process out for one of Python's own, for a daemon, which may have no children, and with a key
    # that only billiard can hand on. What jobs start ends with the process group.
    key = multiprocessing.process.AuthenticationString(os.urandom(32))  # type: ignore[attr-defined]
    multiprocessing.current_process()._config.update(daemon=False, authkey=key)  # type: ignore[attr-defined]
    os.setpgid(0, 0)  # so that what its jobs start can be ended with it
    # A child that ends waits until its parent has read every result, 30 s if the parent is ending too and has stopped
    # reading. Ours are in the database: two seconds, so as not to look lost to a parent that is only slow.
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20  # tenths of a second
    for pool in registry().pools.values():
        if set(pool.queues) & set(_served()):
            pool_initialisers().problem(pool)
    child = executor().child  # from now on its parent knows that it can work
    if child.output:
        child.output.capture()
    gc.freeze()  # what was imported stays
    gc.enable()


def end_process_group(**_: Any) -> None:
    """At the end of a child: send its last spans, and ask what its jobs have left running to end too."""
    flush()
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        # Billiard says goodbye now and sleeps for a second; the parent hears it and ends that by this signal.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def _served() -> list[str]:
    return list(current_app.amqp.queues.consume_from)
