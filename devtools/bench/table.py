"""The task systems that `script/bench peers` compares: one line each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One task system, as one row of the table.

    `requirements` are empty for this project, which needs no environment of its own. A rate is
    measured with `share` of the jobs: fewer for a slow system, so that it ends soon, more for a fast one, so that it
    runs for a second. `beside` names this project's row with which it is compared.
    """

    name: str
    module: str
    requirements: tuple[str, ...] = ()
    servers: tuple[str, ...] = ("redis",)
    outcome: str = "no"
    variant: str = ""
    share: float = 1.0
    python: tuple[int, int] = (3, 11)
    beside: str = "clerk-redis-sqlite"


CELERY = ("celery[redis]==5.7.0", "sqlalchemy>=2.1", "psycopg[binary]>=3.3")
#: Its `pgq run` ends with an AttributeError under typer 0.29.
PGQUEUER = ("pgqueuer==1.6.0", "asyncpg", "typer<0.29")
REDIS = ("redis",)
POSTGRES = ("postgres",)
BOTH = ("redis", "postgres")
RABBIT = ("rabbitmq", "postgres")
LIKE = "clerk-redis-postgresql"

PEERS = (
    Peer("clerk-redis-sqlite", "clerk_tasks", servers=REDIS, outcome="yes"),
    Peer("clerk-redis-postgresql", "clerk_tasks", servers=BOTH, outcome="yes", beside=LIKE),
    Peer("clerk-rabbitmq-postgresql", "clerk_tasks", servers=RABBIT, outcome="yes", beside=LIKE),
    Peer("celery", "celery", CELERY),
    Peer("celery-rabbitmq", "celery", CELERY, servers=("rabbitmq",), beside="clerk-rabbitmq-postgresql"),
    Peer("celery-redis-results", "celery", CELERY, outcome="yes", variant="redis"),
    Peer("celery-postgresql-results", "celery", CELERY, BOTH, "yes", variant="postgresql", share=0.3, beside=LIKE),
    Peer("rq", "rq", ("rq==3.0.0",), outcome="yes", share=0.05),
    Peer("rq-simple", "rq", ("rq==3.0.0",), outcome="yes", variant="simple", share=0.2),
    Peer("dramatiq", "dramatiq", ("dramatiq[redis]==2.2.1",), share=2),
    Peer("huey", "huey", ("huey==3.5.4", "redis"), outcome="result", share=2),
    Peer("huey-sqlite", "huey", ("huey==3.5.4", "redis"), (), "result", variant="sqlite", share=2),
    Peer("procrastinate", "procrastinate", ("procrastinate==3.10.0", "psycopg[binary]"), POSTGRES, "yes", beside=LIKE),
    Peer("pgqueuer", "pgqueuer", PGQUEUER, POSTGRES, "log", share=4, beside=LIKE),
    Peer("oban", "oban", ("oban==0.7.0",), POSTGRES, "yes", share=2, python=(3, 12), beside=LIKE),
)


def beside_bare_celery(broker: str, database: str) -> tuple[Peer, Peer]:
    """Return this project on such a pair, and bare Celery of this environment on the same broker."""
    databases = ("postgres",) if database == "postgresql" else ()
    # Ours starts an embedded broker of its own, as it does in the field; Celery is given one.
    brokers = () if broker == "embedded" else (broker,)
    ours = Peer(f"clerk-{broker}-{database}", "clerk_tasks", servers=(*brokers, *databases))
    return ours, Peer(f"celery-{broker}", "celery", servers=(broker,))
