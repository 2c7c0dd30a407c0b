"""The act *enqueue*: a form with the arguments of a job type, as the flags of the command `enqueue` have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clerk.database.transactions import reading
from clerk.jobs import JobRequest
from clerk.sites.rows import get_all_sites
from clerk.visible import visible_json
from clerk_tasks.board.act import Act, Done, Form, Given, Preview
from clerk_tasks.board.argument_fields import argument_field, given_argument
from clerk_tasks.board.parts import Link, PageField, act_button, address
from clerk_tasks.job_types.fields import fields, summary
from clerk_tasks.job_types.registry import registry
from clerk_tasks.job_types.signatures import signature
from clerk_tasks.ledger.insert import NewJob
from clerk_tasks.operations.enqueue_form import EnqueueForm, new_job_id
from clerk_tasks.operations.run_here import command_of
from clerk_tasks.operations.wording import counted, duration
from clerk_tasks.pipeline import stages_from

_PRIORITIES = ("high", "normal", "low")


def _form(given: Given, errors: Mapping[str, str]) -> Form:
    name = given.need("job_type")
    registered = registry().get(name)
    function = registered.job_type.function
    arguments = [argument_field(field, given, errors) for field in fields(function)]
    others = [_others(given, errors)] if signature(function).others else []
    wrong = errors.get("") or f"{counted(len(errors), 'mistake')}: nothing is enqueued."
    said = f"{name}: {summary(function) or f'a job type of plugin {registered.plugin}'}"
    return Form(
        wrong if errors else said,
        [_site(given, errors), *arguments, *others, *_options(given, errors)],
        f"clerk-tasks enqueue {name} SUBDOMAIN --help",
        {"job_type": name, "job": given.text("job") or new_job_id()},
        is_wrong=bool(errors),
    )


def _site(given: Given, errors: Mapping[str, str]) -> PageField:
    with reading() as connection:
        known = [str(site["subdomain"]) for site in get_all_sites(connection, order_by="subdomain")]
    error, value = errors.get("subdomain", ""), given.text("subdomain") or ""
    return PageField("subdomain", "Site", value, suggestions=known, required=True, error=error)


def _others(given: Given, errors: Mapping[str, str]) -> PageField:
    value, error = "\n".join(given.typed("others")), errors.get("others", "")
    return PageField("others", "Other arguments", value, widget="textarea", help="NAME=VALUE, one a line", error=error)


def _options(given: Given, errors: Mapping[str, str]) -> list[PageField]:
    def value(name: str) -> str:
        return given.text(name) or ""

    chosen = value("priority") or "normal"
    said = {name: errors.get(name, "") for name in ("priority", "in", "at")}
    return [
        PageField("priority", "Priority", chosen, choices=_PRIORITIES, widget="select", error=said["priority"]),
        PageField("in", "Run it in", value("in"), help="such as 90s, 10m or 2h; empty: now", error=said["in"]),
        PageField("at", "Or run it at", value("at"), help="such as 2026-12-01T18:30, in UTC", error=said["at"]),
    ]


def _read(given: Given) -> EnqueueForm:
    name = given.need("job_type")
    found = ((field, given_argument(field, given)) for field in fields(registry().get(name).job_type.function))
    return EnqueueForm(
        job_type=name,
        subdomain=given.text("subdomain") or "",
        arguments={field.name: value for field, value in found if value is not None},
        others=[line for text in given.typed("others") for line in text.split("\n") if line.strip()],
        priority=given.text("priority") or "normal",
        after=given.text("in"),
        at=_in_utc(given.text("at")),
    )


def _in_utc(text: str | None) -> str | None:
    """Return a time with its zone; one without is in UTC, as the times on all pages are."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:  # the form says what is wrong with it
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _preview(given: Given) -> Preview:
    form = _read(given)
    job = form.foresee()
    later = [stage.name for stage in stages_from(job.job_type)[1:]]
    followed = f", and the stages after it: {', '.join(later)}" if later else ""
    when = f", to run in {duration(job.delay)}" if job.delay else ""
    return Preview(
        f"1 job of type {job.job_type} would be enqueued for {job.subdomain}{when}{followed}.",
        "Enqueue it",
        _command(form, job),
        [f"{name} = {visible_json(value, indent=None)}" for name, value in job.arguments.items()],
        undo="Cancelling the job undoes it, until it begins.",
    )


def _command(form: EnqueueForm, job: NewJob) -> str:
    options: Mapping[str, Any] = {"--priority": form.priority, "--in": form.after, "--at": form.at}
    more = [f"{name} {value}" for name, value in options.items() if value not in (None, "normal")]
    return " ".join([command_of(JobRequest(job.job_type, job.subdomain, job.arguments)), *more])


def _perform(given: Given, reason: str | None) -> Done:
    form, job_id = _read(given), given.text("job") or new_job_id()
    link = Link("The job", address("/jobs", job_id))
    if not form.enqueue(job_id, reason=reason):
        return Done(f"This form was sent before: job {job_id} is recorded, and no other.", link=link)
    undo = act_button("", "cancel", job=job_id).href
    return Done(f"Job {job_id} of type {form.job_type} is enqueued for {form.subdomain}.", undo, link)


ENQUEUE = Act("Enqueue a job", _preview, _perform, _form)
