"""A queue that the broker refuses: commands go on, `doctor` and `health` name it, and say what mends it."""

from __future__ import annotations

import kombu
import pytest
import redis
from sqlalchemy import Engine

from clerk.application import application
from clerk_tasks.broker.base import queue
from clerk_tasks.cli.main import main
from clerk_tasks.operations.doctor import diagnose
from clerk_tasks.operations.health import check_health
from clerk_tasks.operations.level import Level

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def found() -> tuple[list[str], list[str]]:
    """Return what `doctor` and `health` say about queues that cannot be used."""
    return (
        [f"{each.damage.subject}: {each.damage.remedy}" for each in diagnose(fix=False) if is_unusable(each.damage)],
        [each.detail for each in check_health() if each.check == "broker" and each.level is Level.ATTENTION],
    )


def is_unusable(damage: object) -> bool:
    return getattr(damage, "kind", None) == "unusable"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("key", ["default", "default\x06\x163"])
def test_a_key_of_another_type_in_the_place_of_a_queue(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    monkeypatch.setenv("BROKER_URL", redis_url)
    application.close()
    assert found() == ([], [])
    with redis.Redis.from_url(redis_url) as client:
        client.hset(key, "x", "y")
        assert main(["enqueue", "fine", "alameda.ca"]) == 0
        assert "WRONGTYPE" in capsys.readouterr().err
        (damage,), (detail,) = found()
        assert damage == "default: rename or delete the key that is no list, or give clerk a database of its own"
        assert "default: the broker refuses this queue: " in detail
        client.delete(key)
    assert found() == ([], [])


@pytest.mark.parametrize("arguments", [{}, {"x-queue-type": "quorum"}], ids=["no priorities", "quorum"])
def test_a_queue_that_was_declared_in_another_way(
    engine: Engine,
    rabbitmq_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, str],
) -> None:
    """Guard: RabbitMQ's channel errors: `enqueue` recorded the job, and failed with what it called a bug."""
    monkeypatch.setenv("BROKER_URL", rabbitmq_url)
    application.close()
    assert found() == ([], [])
    with kombu.Connection(rabbitmq_url) as connection:
        queue("default")(connection.channel()).delete()
        kombu.Queue("default", queue_arguments=arguments)(connection.channel()).declare()
        assert main(["enqueue", "fine", "alameda.ca"]) == 0
        assert "PRECONDITION_FAILED" in capsys.readouterr().err
        (damage,), (detail,) = found()
        assert damage == "default: delete the queue if it was declared in another way: the next worker declares it"
        assert "PRECONDITION_FAILED" in detail
        queue("default")(connection.channel()).delete()
    assert found() == ([], [])
