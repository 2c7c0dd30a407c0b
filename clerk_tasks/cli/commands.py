"""The names of our own commands."""

#: Name -> what it does. Each is the module clerk_tasks.cli.<name>, imported when it is asked for.
COMMANDS = {
    "enqueue": "Record a job to run soon.",
    "update": "Bring a site up to date.",
    "status": "Show the queues, the sites and their runs.",
    "jobs": "List, show, retry, run, dismiss, cancel, move and reprioritise jobs.",
    "runs": "List, show, retry and cancel runs.",
    "documents": "List owed and withdrawn documents; refetch or withdraw one.",
    "sites": "Add, list, show, edit, remove, import and export sites; list silent ones.",
    "plugins": "List the plugins and check them.",
    "schedule": "List the schedules and their next slots; fire one now.",
    "worker": "Run the jobs of one, several or all worker pools.",
    "workers": "List the workers that are alive; drain or scale them.",
    "beat": "Fire the schedules when they are due.",
    "up": "Run the whole system in this terminal.",
    "health": "Check the whole system.",
    "pause": "Pause a site, host, queue, job type, schedule or everything.",
    "resume": "End a pause.",
    "pauses": "List what is paused.",
    "webhooks": "List what webhooks deliver; test them, deliver now, retry.",
    "probe": "Answer a container's liveness or readiness probe.",
    "acts": "List what operators did; follow or stop an act on many jobs.",
    "failures": "Show what failed, by cause.",
    "why": "Explain why a job, or the work of a site, has not run or did not finish.",
    "doctor": "Find what is stuck or wrong, and repair it.",
    "db": "Create, upgrade, check and prune the database.",
}
