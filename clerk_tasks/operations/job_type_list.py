"""List the job types that can be enqueued, with what each takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from clerk_tasks.job_types.fields import fields, summary
from clerk_tasks.job_types.registry import registry


def list_job_types() -> list[dict[str, Any]]:
    """Return the job types by name: `job_type`, `queue`, `plugin`, `summary` and `arguments`, each as a form asks."""
    return [
        {
            "job_type": name,
            "queue": registered.job_type.queue,
            "plugin": registered.plugin,
            "summary": summary(registered.job_type.function),
            "arguments": [asdict(field) for field in fields(registered.job_type.function)],
        }
        for name, registered in sorted(registry().job_types.items())
    ]


def signature_of(job_type: dict[str, Any]) -> str:
    """Return the names of a job type's arguments with their defaults: `name, often=3`."""
    named = ((each["name"], each["default"]) for each in job_type["arguments"])
    return ", ".join(name if default is None else f"{name}={default}" for name, default in named)
