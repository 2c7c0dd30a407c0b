"""The stored queries of a snapshot: Datasette runs them; a column `chart` is a bar made of characters."""

from __future__ import annotations


def _bar(value: str, most: str) -> str:
    """Return the SQL of a bar of 30 characters at the most, as long as a value is beside the largest."""
    return f"substr('{'█' * 30}', 1, CAST(round(30.0 * {value} / max({most}, 1)) AS INTEGER)) AS chart"


QUERIES = {
    "jobs_per_day": {
        "title": "Jobs that ended on each day, and how many of them without success",
        "sql": f"""WITH days AS (
  SELECT substr(finished_at, 1, 10) AS day, count(*) AS jobs, sum(state <> 'completed') AS unsuccessful
  FROM jobs WHERE finished_at IS NOT NULL GROUP BY day
) SELECT day, jobs, unsuccessful, {_bar("jobs", "(SELECT max(jobs) FROM days)")} FROM days ORDER BY day DESC""",  # noqa: S608 - of constants
    },
    "duration_by_type": {
        "title": "How long completed jobs of each type took, in seconds",
        "sql": f"""WITH took AS (
  SELECT job_type, 86400 * (julianday(finished_at) - julianday(started_at)) AS seconds
  FROM jobs WHERE state = 'completed'
), types AS (
  SELECT job_type, count(*) AS jobs, avg(seconds) AS mean, max(seconds) AS longest, sum(seconds) AS total
  FROM took GROUP BY job_type
) SELECT job_type, jobs, round(mean, 3) AS mean, round(longest, 3) AS longest, round(total, 1) AS total,
  {_bar("total", "(SELECT max(total) FROM types)")} FROM types ORDER BY types.total DESC""",  # noqa: S608
    },
    "failures_by_error": {
        "title": "Dead letters by job type and error",
        "sql": """SELECT job_type, substr(error, 1, 200) AS begins, count(*) AS jobs,
  count(DISTINCT subdomain) AS sites, min(finished_at) AS first, max(finished_at) AS last, max(id) AS example
FROM jobs WHERE state = 'discarded' GROUP BY job_type, begins ORDER BY jobs DESC""",
    },
    "attempts_by_outcome": {
        "title": "Attempts that did not complete their job, by job type and outcome",
        "sql": """SELECT job_type, outcome, count(*) AS attempts, max(attempts.finished_at) AS last
FROM attempts JOIN jobs ON jobs.id = attempts.job_id GROUP BY job_type, outcome ORDER BY attempts DESC""",
    },
    "waits_by_queue": {
        "title": "How long jobs waited before their last attempt, by queue and day, in seconds",
        "sql": """SELECT queue, substr(started_at, 1, 10) AS day, count(*) AS jobs,
  round(avg(86400 * (julianday(started_at) - julianday(due_at))), 1) AS mean,
  round(max(86400 * (julianday(started_at) - julianday(due_at))), 1) AS longest
FROM jobs WHERE started_at IS NOT NULL AND due_at IS NOT NULL GROUP BY queue, day ORDER BY day DESC, queue""",
    },
    "runs_of_a_site": {
        "title": "The runs of a site, newest first",
        "sql": """SELECT runs.id, pipeline, runs.state, runs.created_at, runs.finished_at, count(jobs.id) AS jobs,
  sum(jobs.state = 'discarded') AS failed
FROM runs LEFT JOIN jobs ON jobs.run_id = runs.id WHERE runs.subdomain = :subdomain
GROUP BY runs.id ORDER BY runs.created_at DESC""",
    },
    "slots_by_fate": {
        "title": "What became of the slots of each schedule",
        "sql": """SELECT schedule, fate, count(*) AS slots, max(due_at) AS last
FROM slots GROUP BY schedule, fate ORDER BY schedule, slots DESC""",
    },
    "acts_by_operator": {
        "title": "Who did what, how often",
        "sql": """SELECT "by", act, count(*) AS acts, sum(done) AS things, max(began_at) AS last
FROM acts GROUP BY "by", act ORDER BY acts DESC""",
    },
}
