"""The names of our own commands."""

#: Name -> what it does. Each is the module clerk_tasks.cli.<name>, imported when it is asked for.
COMMANDS = {
    "enqueue": "Record a job and have it run soon.",
    "update": "Bring a site up to date.",
    "status": "Show how the sites and their runs are doing.",
    "jobs": "List, explain, retry and cancel jobs.",
    "runs": "List, show, retry and cancel runs.",
    "sites": "Add, list, show and remove sites.",
    "plugins": "List the plugins and check them.",
    "schedule": "List the schedules, and when they are due; force one.",
    "worker": "Work on the jobs of one pool, or of all.",
    "beat": "Keep the schedules.",
    "up": "Run the whole system in this terminal.",
    "health": "Check that everything is there and at work.",
    "why": "Explain why a job, or a site's work, has not run or did not finish.",
    "doctor": "Find what is stuck or wrong, and mend it.",
    "db": "Create the database, bring it up to date, check and prune it.",
}
