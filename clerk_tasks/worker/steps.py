"""What makes a Celery worker ours: leases, relay, burst, and a shutdown that hands long jobs back."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from typing import Any

import psutil
from celery import Celery, bootsteps, signals
from celery.concurrency.prefork import TaskPool
from celery.worker import state as worker_state

from clerk import __version__
from clerk.database.engine import create_engine, engine
from clerk.database.held import HeldConnection
from clerk.database.schema_version import ensure_usable
from clerk.database.transactions import transaction
from clerk.errors import UsageError
from clerk.settings import settings
from clerk_tasks import logs
from clerk_tasks.broker import embedded
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.broker.table import broker_url
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases, limits, publications, queries
from clerk_tasks.ledger.publications import Waiting
from clerk_tasks.worker.child_restarts import ChildRestarts
from clerk_tasks.worker.child_setup import end_process_group, initialise_child
from clerk_tasks.worker.children import Children
from clerk_tasks.worker.events import EventPipe, dispatcher
from clerk_tasks.worker.executor import CHILDREN_VARIABLE, EVENTS_VARIABLE, INSTANCE_VARIABLE
from clerk_tasks.worker.job_logs import job_logs
from clerk_tasks.worker.lease_keeper import LeaseKeeper, kill
from clerk_tasks.worker.pool_size import PoolSize
from clerk_tasks.worker.relay import Relay
from clerk_tasks.worker.thread_errors import errors_logged
from clerk_tasks.worker.watchdog import Verdict, Watchdog

logger = logging.getLogger(__name__)

#: Set by `clerk-tasks worker --burst`: exit when there is nothing left to do.
BURST = "CLERK_BURST"
#: How often the keeper looks at its children, in seconds: a dead one's job is retried within two of these.
KEEPER_INTERVAL = 1.0
#: How long a cold shutdown may take to hand jobs back, in seconds: with the database away it is left to the leases.
HAND_BACK_TIMEOUT = 5.0
#: How a worker ends that takes no jobs any more.
EXIT_WEDGED = 70
#: How long one look for work to publish follows after the other, in seconds: several slices share one.
PUBLISH_PAUSE = 0.02


def _live(pool: TaskPool) -> set[int]:
    """Return the process ids of a pool's children that are alive."""
    processes = getattr(pool._pool, "_pool", None) or ()
    return {process.pid for process in tuple(processes) if process.pid and _is_alive(process.pid)}


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Housekeeping(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps the leases and relays, in two threads of the worker's parent, from the pool's start to the very end.

    There is no `stop`: the pool is joined after this step would be stopped, and its jobs' leases must last till then.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        # Celery has billiard log one line per child before our logging is set up there.
        os.environ["_MP_FORK_LOGLEVEL_"] = str(logging.WARNING)
        self.worker = worker
        self.over = threading.Event()
        worker.relay_wanted = self.relay_wanted = threading.Event()
        self.children = Children()
        os.environ[CHILDREN_VARIABLE] = self.children.path
        self.logs = job_logs(self.children)
        self.logs.open(worker.max_concurrency or worker.concurrency)
        self.events = EventPipe()
        os.environ[EVENTS_VARIABLE] = self.events.path
        self.children.emit(bool(worker.task_events))
        self.hand_back_at = float("inf")  # by the monotonic clock
        self.handed_back = threading.Event()
        self.draining = False

    def start(self, worker: Any) -> None:
        """Register this worker start, then keep the leases and relay until the worker has shut down."""
        own = create_engine(settings().database_url, durable=False)
        instance = os.environ[INSTANCE_VARIABLE]
        self.queues = sorted(worker.app.amqp.queues.consume_from)
        register = partial(
            leases.register_worker,
            instance=instance,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            queues=self.queues,
            job_types=sorted(registry().job_types),
            concurrency=worker.concurrency,
        )
        ChildRestarts(worker.pool._pool, self.children.ready)
        # On PostgreSQL it is the only one that a worker's parent has. On SQLite the relay may wait for a long writer.
        self.held = HeldConnection(own)
        relays = self.held if own.dialect.name == "postgresql" else HeldConnection(own)
        with self.held.transaction() as connection:
            register(connection)
            publications.register_queues(connection, self.queues)
            limits.register(connection, {name: known.job_type.limit for name, known in registry().job_types.items()})
        self.keeper = LeaseKeeper(
            self.held,
            instance,
            live=partial(_live, worker.pool),
            working=self.children.working,
            lease=settings().lease_term,
            renewal=settings().renewal,
            register=register,
        )
        self.relay = Relay(
            relays,
            Publisher(broker_url()),
            Waiting(registry().queues, registry().job_types),
            renewal=settings().renewal,
            served=self.queues,
            heartbeat=partial(leases.worker_seen, instance=instance),
            paused_changed=self.children.pauses_changed,
        )
        self.size = PoolSize.of(
            self.held, instance, self.queues, worker=worker, children=self.children, live=partial(_live, worker.pool)
        )
        self.watchdog = Watchdog(2 * settings().lease)
        self.engine = own
        self.burst = bool(os.environ.get(BURST))
        self.relayed = threading.Event()
        self._threads = [
            self._thread(self._keep, "clerk-keep"),
            self._thread(self._relay, "clerk-relay"),
            self._thread(self.logs.read, "clerk-read-logs"),
            self._thread(partial(self.logs.write, relays), "clerk-write-logs"),
        ]
        self._thread(partial(self.events.publish, partial(dispatcher, worker.app, worker.hostname)), "clerk-events")
        signals.worker_shutting_down.connect(self._hand_back_in_time, weak=False)
        worker.wait_for_soft_shutdown = self._hand_back_now  # a cold shutdown's first step
        signals.worker_shutdown.connect(self._finish, weak=False)

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def _keep(self) -> None:
        """Keep the leases; in burst mode, also notice that there is nothing left to do."""
        while not self.over.wait(KEEPER_INTERVAL):
            if emitter := getattr(self.worker.consumer, "event_dispatcher", None):
                self.children.emit(emitter.enabled)  # a remote control command may change it
            with errors_logged("keeping leases"):
                if self.keeper.run_once():
                    self.relay_wanted.set()
                self._drain_if_asked()
            if self.worker.blueprint.state == bootsteps.RUN:
                with errors_logged("sizing the pool"):
                    self.size.run_once()
            with errors_logged("judging this worker"):
                self.logs.open(self.worker.pool.num_processes)  # the pool may have grown
                self._watch()
            if self.worker.blueprint.state == bootsteps.CLOSE and not self.draining:  # perhaps by a message
                self._hand_back_in_time()
            if time.monotonic() >= self.hand_back_at:
                with errors_logged("handing jobs back"):
                    if self.keeper.hand_back():
                        self.handed_back.set()
            if self.burst and self.relayed.is_set():
                with errors_logged("looking for work"), self.held.transaction() as connection:
                    if not queries.has_work(
                        connection, self.queues, list(registry().job_types), self.relay.waiting.paused
                    ):
                        worker_state.should_stop = 0

    def _drain_if_asked(self) -> None:
        """Take no further job and end once what runs has ended, if an operator asked for that."""
        seen = self.keeper.seen
        if seen is None or not seen.draining or self.draining:
            return
        self.draining = True
        limit = "" if seen.drain_timeout is None else f", in {seen.drain_timeout:g} s at most"
        self.children.stop()
        logger.warning("draining: this worker finishes what it runs%s, and ends", limit)
        if seen.drain_timeout is not None:
            self.hand_back_at = min(self.hand_back_at, time.monotonic() + seen.drain_timeout)
        worker_state.should_stop = 0

    def _watch(self) -> None:
        """Replace what takes no job although jobs are there: idle children first, then this whole worker."""
        consumer = getattr(self.worker.consumer, "task_consumer", None)
        wanted = (
            self.worker.blueprint.state == bootsteps.RUN
            and consumer is not None
            and any(map(consumer.consuming_from, self.relay.wanted))
        )
        working = self.children.working()
        live = _live(self.worker.pool) if wanted else set()
        idle = (self.children.ready() & live) - working.keys()
        # Without any child, after an order to shrink the pool, say, it takes none either.
        verdict = self.watchdog.judge(wanted=wanted, idle=bool(idle or not live), taken=self.children.taken())
        if verdict is Verdict.REPLACE_IDLE_CHILDREN:
            queues = ", ".join(sorted(self.relay.wanted))
            logger.error("jobs of %s wait, and %d idle children take none: they are replaced", queues, len(idle))
            kill(idle)
        elif verdict is Verdict.REPLACE_WORKER:
            logger.critical("this worker still takes no job: it ends, to be started again")
            self.keeper.hand_back()
            kill(_live(self.worker.pool))
            with transaction(self.engine) as connection:
                leases.worker_stopped(connection, os.environ[INSTANCE_VARIABLE])
            os._exit(EXIT_WEDGED)

    def _relay(self) -> None:
        """Relay once an interval, and publish whenever that is wanted, in both cases after a short pause."""
        pass_at = 0.0
        while not self.over.is_set():
            with errors_logged("relaying"):
                if time.monotonic() < pass_at:
                    self.relay.publish()
                else:
                    pass_at = time.monotonic() + settings().relay_interval  # also of a pass that fails
                    self.relay.run_once()
                    self.relayed.set()
            self.over.wait(PUBLISH_PAUSE)
            self.relay_wanted.wait(max(pass_at - time.monotonic(), 0.0))
            self.relay_wanted.clear()

    def _hand_back_in_time(self, **_: Any) -> None:
        """Wait for short jobs; after the grace, hand the others back without counting the attempt."""
        self.children.stop()
        # Asking twice does not make the grace longer.
        self.hand_back_at = min(self.hand_back_at, time.monotonic() + settings().shutdown_grace)

    def _hand_back_now(self) -> None:
        """Hand every job back, before Celery kills the pool."""
        self.children.stop()
        self.hand_back_at = time.monotonic()
        self.handed_back.wait(HAND_BACK_TIMEOUT)

    def _finish(self, **_: Any) -> None:
        self.over.set()
        self.relay_wanted.set()
        self.logs.close()
        for thread in self._threads:
            thread.join(timeout=5)
        # By another connection: a thread that still waits for the database has that one.
        with errors_logged("recording the end of this worker"), transaction(self.engine) as connection:
            leases.worker_stopped(connection, os.environ[INSTANCE_VARIABLE])


def install(app: Celery) -> None:
    """Give an application's workers our bootstep and our signal handlers."""
    app.steps["worker"].add(Housekeeping)
    signals.setup_logging.connect(logs.configure, weak=False)
    signals.worker_init.connect(_prepare, weak=False)
    signals.worker_process_init.connect(initialise_child, weak=False)
    signals.worker_process_shutdown.connect(end_process_group, weak=False)


@logs.last_words()
def _prepare(sender: Any, **_: Any) -> None:
    """Before the pool exists: name this worker start, and see that there is a broker and the right kind of pool."""
    if getattr(sender.pool_cls, "__module__", sender.pool_cls) not in ("prefork", TaskPool.__module__):
        raise UsageError("clerk's jobs need the prefork pool: start the worker without -P.")
    sys.modules["__main__"].__spec__ = find_spec("clerk_tasks.worker.child_start")
    ensure_usable(engine())
    engine().dispose()
    os.environ[INSTANCE_VARIABLE] = str(uuid.uuid4())
    if settings().broker_url is None:
        attached = ExitStack()
        attached.enter_context(embedded.attached())
        signals.worker_shutdown.connect(lambda **_: attached.close(), weak=False)
