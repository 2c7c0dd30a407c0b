"""The schedules that the plugins declare, and our own chores; one that cannot be kept is quarantined."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from clerk.errors import UsageError
from clerk.jobs import JobRequest
from clerk.plugin.calls import misfit
from clerk.plugin.loader import plugins
from clerk.plugin.registered import Plugin
from clerk.schedule import CatchUp, Schedule
from clerk_tasks.job_types.validation import PLAIN_NAME
from clerk_tasks.schedules.cron import moments
from clerk_tasks.schedules.maintenance import Chore, chores


def gather() -> dict[str, Schedule]:
    """Return our chores and the plugins' schedules by name; a bad one, or the later of two alike, is quarantined."""
    found: dict[str, Schedule] = {chore.name: chore for chore in chores()}
    owners: dict[str, Plugin] = {}
    for plugin, answer in reversed(plugins().call("register_schedules")):
        for schedule in answer if isinstance(answer, list | tuple) else [answer]:
            try:
                _check(schedule)
                if isinstance(found.get(schedule.name), Chore):
                    raise UsageError(f"schedule {schedule.name} is clerk-tasks' own: give it another name")
                if owner := owners.get(schedule.name):
                    raise UsageError(
                        f"schedule {schedule.name} is claimed by plugin {owner.name} ({owner.where}) "
                        f"and by plugin {plugin.name} ({plugin.where}): rename one of them"
                    )
            except UsageError as error:
                name = getattr(schedule, "name", None) or "without a name"
                plugins().quarantine(plugin.name, plugin.where, phase=f"schedule {name}", error=str(error))
            else:
                found[schedule.name], owners[schedule.name] = schedule, plugin
    return dict(sorted(found.items()))


def requests_of(schedule: Schedule, connection: Connection) -> list[JobRequest]:
    """Ask a schedule for its jobs; UsageError if it returns anything else than a list of them."""
    answer: object = schedule.jobs(connection)
    if not isinstance(answer, Iterable):
        raise UsageError(f"jobs must return a list of clerk.JobRequest, not {answer!r:.80}")
    requests = []
    for request in answer:
        if not isinstance(request, JobRequest):
            raise UsageError(f"jobs must return a list of clerk.JobRequest, not of {request!r:.80}")
        requests.append(request)
    return requests


def _check(schedule: object) -> None:
    if not isinstance(schedule, Schedule):
        raise UsageError(f"register_schedules must return a list of clerk.Schedule, not {schedule!r:.80}")
    if not (isinstance(schedule.name, str) and PLAIN_NAME.fullmatch(schedule.name)):
        raise UsageError(f"the name {schedule.name!r} may hold lower-case letters, digits and hyphens only")
    if odd := misfit(schedule.jobs, None):
        raise UsageError(f"jobs must be a function of a connection, {odd}")
    if not isinstance(schedule.catch_up, CatchUp):
        raise UsageError(f"catch_up: {schedule.catch_up!r:.80} must be a clerk.CatchUp, such as CatchUp.ONCE")
    _check_times(schedule)


def _check_times(schedule: Schedule) -> None:
    cron, zone = schedule.cron, schedule.timezone
    if not (isinstance(cron, str) and len(cron.split()) == 5):
        raise UsageError(f"cron {cron!r:.80} must be five fields: minute, hour, day, month, day of the week")
    try:
        ZoneInfo(zone)
    except Exception:  # what is no name of a zone may be a folder of the zones, or no text
        raise UsageError(f"time zone {zone!r:.80} is unknown: name one such as 'America/Los_Angeles'") from None
    try:
        next(moments(schedule, datetime.now(UTC)))
    except (ValueError, StopIteration):
        raise UsageError(f"cron {cron!r} is not a time that ever comes") from None
