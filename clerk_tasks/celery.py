"""The Celery application: `celery -A clerk_tasks worker` and `celery -A clerk_tasks beat` work unaided."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

from celeryconfig import worker_proc_alive_timeout
from clerk.settings import settings
from clerk_tasks.broker.base import queue
from clerk_tasks.broker.publisher import task_name
from clerk_tasks.broker.table import broker_url, load_broker
from clerk_tasks.celery_task import ClerkTask, enqueue_as_celery
from clerk_tasks.job_types.registry import registry
from clerk_tasks.worker.doorbell import OTHER_TASK
from clerk_tasks.worker.executor import executor
from clerk_tasks.worker.steps import install


class ClerkCelery(Celery):  # type: ignore[misc]
    """An application that reads the environment and the plugins when it is first used, not when it is imported."""

    task_cls = ClerkTask

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Enqueue a job where the task is a job type of clerk's; send any other task as Celery does."""
        if name.startswith(task_name("")):
            return self.AsyncResult(enqueue_as_celery(name, args, kwargs, **options))
        return super().send_task(name, args, kwargs, **options)

    def __reduce__(self) -> str:
        """Pickle as a name: a spawned child imports this module."""
        return "app"


#: What Python reads to keep the working directory off sys.path, and the value that says that we have set it.
_SAFE_PATH, _BY_US = "PYTHONSAFEPATH", "clerk"

app = ClerkCelery("clerk", config_source="celeryconfig", set_as_current=True)


@app.on_configure.connect  # type: ignore[untyped-decorator]
def _configure(sender: Celery, **_: Any) -> None:
    broker = load_broker(broker_url())
    broker.install()
    known = registry()
    initialisers = sum(pool.function is not None for pool in known.pools.values())
    sender.conf.update(
        broker_url=broker.url,
        broker_use_ssl=broker.ssl,
        broker_transport_options=dict(broker.transport_options),
        worker_disable_prefetch=broker.disable_prefetch,
        # A child that is not there in time is killed: each pool's function may take as long as a plugin may.
        worker_proc_alive_timeout=worker_proc_alive_timeout + initialisers * settings().plugin_patience,
        # In KiB, and at its highest: a process that a job has blown up may never become small again.
        worker_max_memory_per_child=settings().memory_limit * 1024 // 2 or None,
        task_queues=[queue(name) for name in sorted(known.queues)],
        task_routes={task_name(name): {"queue": found.job_type.queue} for name, found in known.job_types.items()},
    )


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _register_tasks(sender: Celery, **_: Any) -> None:
    for name in (*map(task_name, registry().job_types), OTHER_TASK):
        sender.task(work_on, name=name, lazy=False, shared=False, Strategy="clerk_tasks.worker.doorbell:strategy")


def work_on(queue: str) -> str | None:
    """Work on a queue for a slice; the whole of every task. Return why this process can run no job, if it cannot.

    A process that has done enough jobs, or that its worker does not need any more, ends after it.
    """
    executor().run_slice(queue)
    if executor().worn_out:
        raise SystemExit(0)
    return executor().unfit


@signals.worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _start_children_safely(**_: Any) -> None:
    """Keep spawned processes from importing a file of the working directory, such as a json.py."""
    os.environ.setdefault(_SAFE_PATH, _BY_US)


@signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _spare_jobs(**_: Any) -> None:
    """Start the programs of jobs as Python does."""
    if os.environ.get(_SAFE_PATH) == _BY_US:
        del os.environ[_SAFE_PATH]


install(app)
