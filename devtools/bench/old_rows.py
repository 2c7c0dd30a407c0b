"""Fill a ledger with jobs of the past, by a few statements."""

from __future__ import annotations

from sqlalchemy import Connection, text

#: Seconds.
YEAR = 365 * 86400

_COLUMNS = (
    "id, run_id, stage_id, job_type, subdomain, queue, priority, arguments, max_attempts, backoff_base, backoff_cap, "
    "time_limit, state, attempt, due_at, started_at, finished_at, created_at"
)
#: Rows are numbered by n, from 1 to {count}; {ago}: how long ago row n ended, in seconds.
_NUMBERS = {
    "sqlite": (
        "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s) AS s"
    ),
    "postgresql": "generate_series(1, {count}) AS s(n)",
}
_MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({ago}) || ' seconds')",
    "postgresql": "now() - make_interval(secs => {ago})",
}
_ID = {
    "sqlite": "printf('{prefix}%09d', n)",
    "postgresql": "'{prefix}' || lpad(n::text, 9, '0')",
}


def fill(connection: Connection, count: int, *, sites: int, over: int) -> None:
    """Insert sites and `count` completed jobs, each with a run of its own, that ended evenly over so many seconds.

    One job in a hundred was retried once.
    """
    connection.execute(
        text("INSERT INTO sites (subdomain, name) VALUES (:subdomain, :subdomain)"),
        [{"subdomain": f"site{number}.ca"} for number in range(sites)],
    )
    kind = connection.dialect.name
    numbers, old = _NUMBERS[kind].format(count=count), _ID[kind].format(prefix="old-")
    ago = f"{over} - ({over} - 60.0) * n / {count}"
    ended = _MOMENT[kind].format(ago=ago)
    began = _MOMENT[kind].format(ago=f"{ago} + (n % 50)")
    due = _MOMENT[kind].format(ago=f"{ago} + (n % 50) + (n % 7)")
    site = f"'site' || (n % {sites}) || '.ca'"
    runs = f"SELECT {old}, {site}, 'noop', 'completed', '{{}}', {due}, {ended} FROM {numbers}"
    stages = f"SELECT n, {old}, 'noop', 0, 'closed', 1, 0, 0, 0, 0, {due}, {ended} FROM {numbers}"
    jobs = (
        f"SELECT {old}, {old}, n, 'noop', {site}, 'default', 1, '{{}}', 3, 1, 60, 3600, 'completed', 1, "
        f"{due}, {began}, {ended}, {due} FROM {numbers}"
    )
    attempts = f"SELECT {old}, 1, 'retryable', {began}, {ended}, 'it failed' FROM {numbers} WHERE n % 100 = 0"
    for statement in (
        f"INSERT INTO runs (id, subdomain, pipeline, state, options, created_at, finished_at) {runs}",
        "INSERT INTO stages (id, run_id, name, position, state, total, remaining, failed, cancelled, tolerance, "
        f"opened_at, closed_at) {stages}",
        f"INSERT INTO jobs ({_COLUMNS}) {jobs}",
        f"INSERT INTO attempts (job_id, attempt, outcome, started_at, finished_at, error) {attempts}",
    ):
        connection.exec_driver_sql(statement.replace("%", "%%") if kind == "postgresql" else statement)


def end_now(connection: Connection, count: int) -> None:
    """Make the newest `count` jobs end just now."""
    moment = _MOMENT[connection.dialect.name].format(ago="0.0")
    newest = "SELECT id FROM jobs WHERE state = 'completed' ORDER BY id DESC LIMIT :count"
    connection.execute(text(f"UPDATE jobs SET finished_at = {moment} WHERE id IN ({newest})"), {"count": count})


def wait_now(connection: Connection, count: int) -> None:
    """Make `count` of the oldest jobs wait for a worker."""
    oldest = "SELECT id FROM jobs ORDER BY id LIMIT :count"
    connection.execute(
        text(f"UPDATE jobs SET state = 'available', finished_at = NULL WHERE id IN ({oldest})"), {"count": count}
    )
