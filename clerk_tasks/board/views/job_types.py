"""The page Job types, from which a job is enqueued."""

from __future__ import annotations

from clerk_tasks.board.parts import Asked, Buttons, PageAnswer, Table, act_button
from clerk_tasks.operations.answers import of_job_types
from clerk_tasks.operations.job_type_list import list_job_types, signature_of


def job_types(asked: Asked) -> PageAnswer:
    """Answer which jobs can be enqueued; the forms are for the site that the address names, if it names one."""
    found, subdomain = list_job_types(), asked.text("subdomain")
    rows = [
        [
            each["job_type"],
            each["summary"],
            signature_of(each),
            each["queue"],
            each["plugin"],
            Buttons([act_button("Enqueue…", "enqueue", job_type=each["job_type"], subdomain=subdomain)]),
        ]
        for each in found
    ]
    columns = ("Job type", "What it does", "Arguments", "Queue", "Plugin", "")
    table = Table("", columns, rows, "No plugin brings a job type.", [each["job_type"] for each in found])
    return PageAnswer(of_job_types(found), "clerk-tasks jobs types", found, [table])
