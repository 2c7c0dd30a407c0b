"""A thread that writes to SQLite again and again leaves the lock to others in between."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from clerk.database.transactions import transaction

#: A statement that takes some twenty milliseconds.
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n"
MANY = 300


def test_one_who_writes_in_long_transactions_leaves_others_the_lock(database_url: str) -> None:
    made: list[bool] = []
    begun = threading.Event()

    def write_again_and_again() -> None:
        while len(made) < MANY:
            with transaction() as connection:
                connection.execute(sa.text(COUNT)).scalar_one()
            made.append(True)
            begun.set()

    writer = threading.Thread(target=write_again_and_again)
    writer.start()
    try:
        assert begun.wait(10)
        for _ in range(3):
            with transaction():
                pass
        assert len(made) < MANY / 3, "the other was kept out"
    finally:
        made.extend([True] * MANY)
        writer.join()
