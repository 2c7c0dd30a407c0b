"""Acts on jobs and runs: retry, cancel, dismiss, run now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from clerk_tasks.board.act import Act, Done, Given, Preview
from clerk_tasks.board.parts import Asked, act_button
from clerk_tasks.board.views.work import FILTERS, filter_texts
from clerk_tasks.operations import job_retry, run_retry
from clerk_tasks.operations.bulk import BulkAct, run_bulk
from clerk_tasks.operations.bulk_acts import cancelling, dismissing, retrying
from clerk_tasks.operations.cancel import cancel_jobs, cancel_run
from clerk_tasks.operations.dismissal import dismiss_jobs
from clerk_tasks.operations.job_filters import parse_filter
from clerk_tasks.operations.listing import job_states, show_run
from clerk_tasks.operations.run_now import run_jobs_now
from clerk_tasks.operations.wording import counted

#: How many of the things that an act is about its preview names.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class _OnJobs:
    """An act on jobs that are named, or on all that match a filter."""

    verb: str
    past: str
    bulk: Callable[[str | None], BulkAct]
    named: Callable[..., Sequence[Any]]
    undo: str | None = None

    def preview(self, given: Given) -> Preview:
        """Say how many jobs it would be done to."""
        ids = given.every("job")
        if ids:
            self.named(ids, dry_run=True)
            found, refused, what = ids, [], " ".join(ids)
        else:
            result = self._run(given, None, dry_run=True)
            found, refused = result.job_ids, list(dict.fromkeys(result.refused))
            what = str(self._filter(given)) or "--all"
        lines = [
            f"{job['id']} {job['job_type']} {job['subdomain']} {job['state']}" for job in job_states(found[:_NAMED])
        ]
        more = [f"and {counted(len(found) - _NAMED, 'job')} more"] if len(found) > _NAMED else []
        refusals = [f"Not done to {counted(len(refused), 'job')}: {refused[0]}"] if refused else []
        sentence = f"{counted(len(found), 'job')} would be {self.past}."
        command = f"clerk-tasks jobs {self.verb} {what}"
        button = f"{self.verb.capitalize()} {counted(len(found), 'job')}"
        return Preview(sentence, button, command, [*lines, *more, *refusals], undo=self.undo)

    def perform(self, given: Given, reason: str | None) -> Done:
        """Do it."""
        ids = given.every("job")
        if ids:
            number = len(self.named(ids, reason=reason))
            undo: dict[str, Any] = {"job": ids}
        else:
            result = self._run(given, reason)
            number = len(result.job_ids)
            undo = {name: given.text(name) for name in FILTERS if name != "state"} | {"state": "cancelled"}
        back = act_button("", "retry", **undo).href if self.verb == "cancel" else None
        return Done(f"{counted(number, 'job')} {self.past}.", back)

    def _filter(self, given: Given) -> Any:
        query = QueryParams([(name, text) for name in (*FILTERS, "arg") for text in given.every(name)])
        return parse_filter(**filter_texts(Asked({}, query, given.shows_arguments)))

    def _run(self, given: Given, reason: str | None, *, dry_run: bool = False) -> Any:
        return run_bulk(self.bulk(reason), self._filter(given), reason=reason, everything=True, dry_run=dry_run)


def _on_jobs(title: str, act: _OnJobs) -> Act:
    return Act(title, act.preview, act.perform)


def _foresee_run_now(given: Given) -> Preview:
    ids = given.every("job")
    lines = [f"{job['id']} {job['job_type']} {job['subdomain']} {job['state']}" for job in job_states(ids)]
    said = f"{counted(len(ids), 'job')} would become available now."
    return Preview(said, f"Run {counted(len(ids), 'job')} now", f"clerk-tasks jobs run-now {' '.join(ids)}", lines)


def _run_now(given: Given, reason: str | None) -> Done:
    return Done(f"{counted(len(run_jobs_now(given.every('job'), reason=reason)), 'job')} made available.")


def _foresee_run_retry(given: Given) -> Preview:
    run, only = given.need("run"), given.text("only")
    plan = run_retry.plan(run, given.text("from"), only=only)
    command = f"clerk-tasks runs retry {run}" + (f" --only {only}" if only else "")
    return Preview(f"A new run would begin. {plan}.", "Retry the run", command)


def _retry_run(given: Given, reason: str | None) -> Done:
    plan = run_retry.plan(given.need("run"), given.text("from"), only=given.text("only"))
    enqueued = run_retry.enqueue(plan, reason=reason)
    return Done(f"{plan.subdomain}: {counted(len(enqueued.job_ids), 'job')} enqueued from stage {plan.stage}.")


def _foresee_run_cancel(given: Given) -> Preview:
    run = show_run(given.need("run"), limit=1)
    left = sum(stage["remaining"] for stage in run["stages"])
    said = f"{counted(left, 'job')} of {run['id']} would be cancelled, or asked to stop where they run."
    return Preview(said, "Cancel the run", f"clerk-tasks runs cancel {run['id']}", undo="A new run undoes it: Retry.")


def _cancel_run(given: Given, reason: str | None) -> Done:
    run = cancel_run(given.need("run"), reason=reason)
    return Done(f"Run {run['id']} is cancelled.", act_button("", "retry-run", run=run["id"]).href)


_UNDO = "Retrying the jobs undoes it."
JOB_ACTS = {
    "retry": _on_jobs("Retry jobs", _OnJobs("retry", "retried", lambda _: retrying(), job_retry.retry)),
    "cancel": _on_jobs("Cancel jobs", _OnJobs("cancel", "cancelled", cancelling, cancel_jobs, _UNDO)),
    "dismiss": _on_jobs("Dismiss dead letters", _OnJobs("dismiss", "dismissed", dismissing, dismiss_jobs, _UNDO)),
    "run-now": Act("Run jobs now", _foresee_run_now, _run_now),
    "retry-run": Act("Retry a run", _foresee_run_retry, _retry_run),
    "cancel-run": Act("Cancel a run", _foresee_run_cancel, _cancel_run),
}
