"""The keys of what `--json` prints, as the reference of commands lists them and a test finds them."""

from __future__ import annotations

from clerk.database.tables import sites_table

JOB = (
    "id job_type subdomain run_id queue priority state attempt max_attempts error note "
    "created_at started_at finished_at due_at cancel_requested_at"
)
RUN = "id subdomain pipeline state options created_at finished_at"
ACT = "id act what by reason state matched done refused began_at seen_at ended_at stopped_by"
DELIVERY = "id event subdomain url state attempt due_at created_at ended_at error"
#: Of an act on all jobs that match a filter; `--all` is one of those.
BULK = "id act what by reason state matched done refused stopped_by dry_run"
PROGRESS = "percent rate ends_at"
SITE = " ".join(sites_table.c.keys())
PAUSE = "kind name reason by since until"
LIMIT = "job_type key concurrency rate source by reason since running available held"
PLUGIN = "name source where version hooks job_types state error"

#: Command -> what it prints and the keys; after a comma, the key that holds further objects.
ANSWERS = {
    "enqueue": ("object", JOB),
    "update": ("object, or null if no site is due", JOB),
    "status": ("object", "jobs queues unfinished_runs runs sites"),
    "status, queues": ("array", "queue available waiting running held oldest"),
    "status, runs": (
        "array",
        f"id subdomain pipeline state created_at stage total remaining failed {PROGRESS}",
    ),
    "status, sites": (
        "array",
        "subdomain name status has_finance_data finance_last_updated last_run last_run_pipeline last_run_state "
        "last_run_at last_run_finished_at stage total remaining failed unfinished discarded completed_at age "
        "stages owed",
    ),
    "top": ("object", "at queues workers unfinished_runs runs failures"),
    "top, queues": ("array", "queue available waiting running held oldest per_minute clears_in"),
    "top, workers": (
        "array",
        "worker pools queues version concurrency running up silent draining scaled_to skew instance jobs",
    ),
    "top, runs": ("array", f"id subdomain pipeline state created_at stage total remaining failed {PROGRESS}"),
    "top, failures": (
        "array",
        "fingerprint job_type cause dead_letters to_be_retried sites first last error job subdomain",
    ),
    "jobs list": ("array", JOB),
    "jobs count": ("object", "filter number"),
    "jobs types": ("array", "job_type queue plugin summary arguments"),
    "jobs types, arguments": ("array", "name kind help required default choices many"),
    "jobs show": (
        "object",
        f"{JOB} arguments result unique_key time_limit lease_until instance pid traceparent attempts",
    ),
    "jobs show, attempts": (
        "array",
        "job_id attempt outcome instance pid started_at lease_until finished_at error traceback worker",
    ),
    "jobs logs": ("object", "id job_type subdomain attempt outcome over dropped next lines"),
    "jobs logs, lines": ("array", "at level text"),
    "jobs logs --follow": ("an object a line", "id attempt at level text"),
    "jobs retry": ("array", JOB),
    "jobs cancel": ("array", JOB),
    "jobs run-now": ("array", JOB),
    "jobs dismiss": ("array", JOB),
    "jobs move": ("array", JOB),
    "jobs reprioritise": ("array", JOB),
    "jobs cancel --all": ("object", BULK),
    "jobs dismiss --all": ("object", BULK),
    "jobs move --all": ("object", BULK),
    "jobs reprioritise --all": ("object", BULK),
    "acts": ("array", ACT),
    "acts show": ("object", ACT),
    "acts stop": ("object", ACT),
    "runs list": ("array", f"{RUN} jobs remaining failed cancelled {PROGRESS}"),
    "runs show": ("object", f"{RUN} stages jobs {PROGRESS}"),
    "runs show, stages": (
        "array",
        f"id run_id name position state total remaining failed cancelled tolerance opened_at closed_at {PROGRESS}",
    ),
    "runs show, jobs": ("array", JOB),
    "runs retry": ("object", JOB),
    "runs retry --dry-run": ("object", "run_id subdomain stage job_type arguments failed missing"),
    "runs cancel": ("object", f"{RUN} stages jobs"),
    "documents list": ("array", "kind meeting date title state reason"),
    "documents refetch": ("object", JOB),
    "documents withdraw": ("object", JOB),
    "sites add": ("object", SITE),
    "sites list": ("array", SITE),
    "sites show": ("object", SITE),
    "sites remove": ("object", "removed site"),
    "sites detect": ("object", "system label extra evidence"),
    "plugins list": ("array", PLUGIN),
    "plugins check": ("array", PLUGIN),
    "schedule list": (
        "array",
        "name cron timezone catch_up description next last last_fate last_jobs last_detail",
    ),
    "schedule history": ("array", "name due_at fate jobs detail"),
    "schedule next": ("array", "name due_at local"),
    "schedule tick": ("array", "schedule due_at fate job_ids detail"),
    "now": ("object", "sentence level checks causes day pauses queues unfinished_runs runs jobs"),
    "health": ("object", "level checks"),
    "health, checks": ("array", "check level detail"),
    "probe": ("object", "probe level detail"),
    "pause": ("object", PAUSE),
    "resume": ("object", PAUSE),
    "ops snapshot": ("object", "runs jobs attempts slots workers acts"),
    "pauses": ("array", f"{PAUSE} waiting"),
    "limits show": ("array", LIMIT),
    "limits set": ("object", LIMIT),
    "limits reset": ("object", LIMIT),
    "why": ("array of lines", ""),
    "webhooks list": ("array", DELIVERY),
    "webhooks retry": ("object", DELIVERY),
    "webhooks test": ("array", "url error"),
    "webhooks deliver": ("object", "found delivered pending given-up"),
    "sites silent": ("array", "subdomain last_new looked_at usual_days longest_days silent_days"),
    "workers scale": (
        "array",
        "worker pools queues version concurrency running up silent draining scaled_to skew instance",
    ),
    "doctor": ("array", "kind subject problem remedy mended"),
    "db upgrade": ("object", "database before after applied backup"),
    "db downgrade": ("object", "database before after applied backup"),
    "db current": ("object", "revision generation oldest_code head usable"),
    "db history": ("array", "revision follows summary"),
    "db check": ("object", "ok problems"),
    "db prune": ("object", "runs stages jobs logs attempts slots workers pauses acts deliveries pruned"),
    "finance etl": ("array", JOB),
    "finance extract": ("array", JOB),
    "finance transform": ("array", JOB),
    "finance load": ("array", JOB),
}


def table() -> str:
    """Return the section of the reference."""
    rows = "\n".join(f"| {_name(name)} | {kind} | {_keys(keys)} |" for name, (kind, keys) in ANSWERS.items())
    return f"""## What `--json` prints

The keys of a job, *job* below: `{"` `".join(JOB.split())}`. Those of a site, *site* below, are the columns of `sites`.
With `--wait`, `enqueue`, `update` and `runs retry` print an array if they brought further jobs along, of every job.

| Command | Prints | Keys |
|---|---|---|
{rows}
"""


def _name(name: str) -> str:
    command, _, key = name.partition(", ")
    return f"`{command}`, in `{key}`" if key else f"`{command}`"


def _keys(keys: str) -> str:
    words = keys.replace(SITE, "*site*").replace(JOB, "*job*").split()
    return " ".join(word if word.startswith("*") else f"`{word}`" for word in words)
