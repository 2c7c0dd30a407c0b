"""The span of an attempt, where something traces."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.ledger.traces import traceparent_of_job
from clerk_tasks.tracing import Tracing, tracing
from clerk_tasks.worker.outcomes import Completed, Failed, Settle

Perform = Callable[[Claim], Settle | None]


def performed(held: HeldConnection, claim: Claim, perform: Perform) -> Settle | None:
    """Perform a job, in a span below the one that enqueued it; the jobs that it asks for are below its own."""
    found = tracing()
    return perform(claim) if found is None else _traced(found, held, claim, perform)


def _traced(found: Tracing, held: HeldConnection, claim: Claim, perform: Perform) -> Settle | None:
    parent = None
    with suppress(DatabaseUnavailable), held.statement() as connection:
        parent = traceparent_of_job(connection, claim.job_id)
    attributes = {
        "messaging.system": "clerk-tasks",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.message.id": claim.job_id,
        "clerk.job_type": claim.job_type,
        "clerk.subdomain": claim.subdomain,
        "clerk.run_id": claim.run_id,
        "clerk.attempt": claim.attempt,
    }
    with found.processing(f"process {claim.job_type}", attributes, parent=parent) as span:
        outcome = perform(claim)
        span.set_attribute("clerk.outcome", type(outcome).__name__.lower() if outcome else "taken over")
        if isinstance(outcome, Failed):
            found.mark_failed(span, outcome.error)
        if isinstance(outcome, Completed) and outcome.children:
            own = found.current()
            return replace(outcome, children=[replace(child, traceparent=own) for child in outcome.children])
        return outcome
