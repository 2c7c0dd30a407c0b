"""Call a job's function in this process, and make an outcome of what it returns or raises."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Cancel, Discard, Fenced, Retry, Snooze, running
from clerk.redaction import storable
from clerk.settings import settings
from clerk_tasks.job_types.arguments import call_arguments
from clerk_tasks.job_types.registry import Registry
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.recording import new_job
from clerk_tasks.worker import memory_limit, sandbox
from clerk_tasks.worker.outcomes import (
    Failed,
    HandedBack,
    Settle,
    Stopped,
    check_has_run,
    completed,
    describe,
    failed,
    retried,
    snoozed,
    unanswered,
)
from clerk_tasks.worker.pool_initialisers import pool_initialisers
from clerk_tasks.worker.running_job import RunningJob

logger = logging.getLogger(__name__)


def perform(
    claim: Claim,
    *,
    held: HeldConnection,
    known: Registry,
    spoilt: Callable[[str], None],
    make_context: Callable[[Claim, HeldConnection], RunningJob] = RunningJob,
) -> Settle | None:
    """Call the job's function; return how to record the outcome, None if another attempt took over meanwhile."""
    context = make_context(claim, held)
    try:
        job_type = known.get(claim.job_type).job_type
        pool = known.pool_of_queue(job_type.queue)
        if pool is not None and (problem := pool_initialisers().problem(pool)):
            return HandedBack(storable(problem))
        function = job_type.function
        arguments = call_arguments(function, claim.run_id, json.loads(claim.arguments))
        with running(context), sandbox.restored(spoilt), memory_limit.limited(settings().memory_limit):
            value = function(claim.subdomain, **arguments)
            check_has_run(value)
            return completed(value, [new_job(child, known) for child in context.children])
    except sandbox.Unfit as unfit:
        return HandedBack(storable(str(unfit)))
    except DatabaseUnavailable as away:
        return unanswered(away, claim)
    except Fenced:
        logger.warning("job %s: another attempt has taken over from attempt %s", claim.job_id, claim.attempt)
        return None
    except Cancel as cancelled:
        return Stopped(describe(cancelled, plain=True))
    except Retry as later:
        return retried(later)
    except Snooze as later:
        return snoozed(later)
    except Discard as final:
        return Failed(describe(final, plain=True), final=True)
    except BaseException as error:  # SystemExit, KeyboardInterrupt and MemoryError are the job's failures too
        return failed(error, claim)
