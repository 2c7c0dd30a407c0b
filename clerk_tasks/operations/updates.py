"""What `update` enqueues: a site's meetings, or its election finance; one site, or the one whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from clerk.acts import record_act
from clerk.database.clock import database_time, parse_moment
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, DatabaseUnavailable, NotFoundError, UsageError
from clerk.fetching.date_span import parse_day
from clerk.jobs import JobRequest
from clerk.paths import is_subdomain
from clerk.sites.finance import finance_job_types, next_finance_sites
from clerk.sites.rows import get_all_sites, require_site, take_oldest_sites
from clerk_tasks import dispatcher
from clerk_tasks.dispatcher import Enqueued
from clerk_tasks.operations.listing import count_owed, job_states
from clerk_tasks.operations.times import parse_duration
from clerk_tasks.pipeline import job_type_of

#: The arguments of fetch-site, and those of them that are recorded even if they are not set.
_ALWAYS = {"all_years", "all_agendas"}
_OF_FETCH = _ALWAYS | {"start_date", "end_date", "owed", "again"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What `update` is asked for; UsageError for options that do not go together."""

    subdomain: str | None
    next_site: bool = False
    all_sites: bool = False
    state: str | None = None
    stale: str | None = None
    finance: bool = False
    all_years: bool = False
    all_agendas: bool = False
    start_date: str | None = None
    end_date: str | None = None
    owed: bool = False
    skip_fetch: bool = False
    start: str | None = None
    accept_shrink: bool = False

    def __post_init__(self) -> None:
        chosen = sum(map(bool, (self.subdomain, self.next_site, self.all_sites)))
        if chosen > 1 or not (chosen or self.owed):
            raise UsageError("Give either --subdomain SUBDOMAIN, --next-site or --all.")
        if (self.state or self.stale) and not self.all_sites:
            raise UsageError("--state and --stale choose among the sites of --all.")
        if self.stale:
            parse_duration(self.stale)
        dates = {"--start-date": self.start_date, "--end-date": self.end_date}
        for day in filter(None, dates.values()):
            parse_day(day)
        of_meetings = {"--all-agendas": self.all_agendas, "--owed": self.owed, **dates}
        if self.finance and (self.start or self.skip_fetch or any(of_meetings.values())):
            raise UsageError(f"--from, --skip-fetch, {', '.join(of_meetings)} do not go with --finance.")
        if self.skip_fetch and self.start not in (None, "ocr"):
            raise UsageError(f"--skip-fetch is the same as --from ocr: leave it out, or --from {self.start}.")
        of_fetch = {"--all-years": self.all_years, **of_meetings}
        if any(of_fetch.values()) and self.stage != "fetch":
            raise UsageError(f"{', '.join(of_fetch)} say what to fetch: leave them out from stage {self.stage} on.")
        if self.all_years and self.start_date:
            raise UsageError("--all-years and --start-date both say where to begin: leave one out.")
        if self.accept_shrink and not self.finance and self.stage != "deploy":
            raise UsageError("--accept-shrink publishes what is there: it goes with --from deploy, or with --finance.")

    @property
    def stage(self) -> str:
        """The stage of the meetings to begin at."""
        return self.start or ("ocr" if self.skip_fetch else "fetch")

    def enqueue(self) -> Enqueued:
        """Enqueue it; return no job if no site is due."""
        given: dict[str, Any] = {
            "all_years": self.all_years,
            "all_agendas": self.all_agendas,
            "accept_shrink": self.accept_shrink,
        }
        given |= {"start_date": self.start_date, "end_date": self.end_date, "owed": self.owed}
        if self.all_sites:
            return self._enqueue_all(given)
        if self.finance:
            return update_finance(self.subdomain, **{name: True for name, is_set in given.items() if is_set})
        if self.owed and not self.subdomain:
            return update_owed(given)
        return update_meetings(self.subdomain, start=self.stage, **given)

    def _enqueue_all(self, given: Mapping[str, Any]) -> Enqueued:
        """Enqueue an update of each chosen site that is not being updated; return the first job of each."""
        job_type = _finance_job_type() if self.finance else job_type_of(self.stage)
        arguments = (
            {name: True for name, is_set in given.items() if is_set} if self.finance else _given(self.stage, given)
        )
        chosen = choose_sites(finance=self.finance, state=self.state, stale=self.stale)
        requests = [JobRequest(job_type, subdomain, arguments) for subdomain in chosen]
        enqueued = dispatcher.enqueue_many(requests) if requests else Enqueued([], {}, True)
        first = [job["id"] for job in job_states(enqueued.job_ids) if job["job_type"] == job_type]
        return replace(enqueued, job_ids=first)


def choose_sites(*, finance: bool, state: str | None, stale: str | None) -> list[str]:
    """Return the sites with a fetcher, or with election finance, by subdomain.

    `state` chooses those of one state, `stale` those that were last updated longer ago than this duration, or never.
    NotFoundError for a state that has no site.
    """
    with reading() as connection:
        sites = get_all_sites(connection, order_by="subdomain")
        present = database_time(connection)
    if state is not None:
        sites = [site for site in sites if str(site["state"]).upper() == state.strip().upper()]
        if not sites:
            raise NotFoundError(f"No site is in state {state}.")
    before = None if stale is None else present - timedelta(seconds=parse_duration(stale))
    column = "finance_last_updated" if finance else "last_updated"
    wanted = "has_finance_data" if finance else "scraper"
    return [
        str(site["subdomain"])
        for site in sites
        if site[wanted] and is_subdomain(site["subdomain"])
        if before is None or (updated := parse_moment(site[column])) is None or updated < before
    ]


def _finance_job_type() -> str:
    job_type = next(iter(finance_job_types()), None)
    if job_type is None:
        raise NotFoundError("No plugin processes finance data; install or enable one, such as election-finance.")
    return job_type


def _given(start: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the job type of a stage takes."""
    taken = {"fetch": _OF_FETCH, "deploy": {"accept_shrink"}}.get(start, set())
    given = {name: value for name, value in arguments.items() if name in taken and (value or name in _ALWAYS)}
    return given | {"failed_too": True} if start == "ocr" else given


def update_finance(subdomain: str | None, **arguments: Any) -> Enqueued:
    """Enqueue the finance ETL of a site, or of the next one when None; return no job if no site is due.

    Raises NotFoundError without a finance plugin or for an unknown site, ConflictError for a site without finance data.
    """
    job_type = _finance_job_type()
    if subdomain is None:
        return dispatcher.enqueue_chosen(
            lambda connection: [JobRequest(job_type, site, arguments) for site in next_finance_sites(connection)]
        )
    with reading() as connection:
        site = require_site(connection, subdomain)
    if not site["has_finance_data"]:
        raise ConflictError(
            f"Site {subdomain} has no finance data; run `clerk-tasks finance etl --subdomain {subdomain}`."
        )
    return dispatcher.enqueue(JobRequest(job_type, subdomain, arguments), always_publish=True)


def update_owed(arguments: Mapping[str, Any]) -> Enqueued:
    """Enqueue an update of the meetings of each site that owes documents and is not being updated."""
    with reading() as connection:
        names = [str(site["subdomain"]) for site in get_all_sites(connection, order_by="subdomain") if site["scraper"]]
    given = _given("fetch", arguments)
    owing = [JobRequest(job_type_of("fetch"), name, given) for name in names if count_owed(name)]
    return dispatcher.enqueue_chosen(lambda connection: owing)  # noqa: ARG005


def update_meetings(subdomain: str | None, *, start: str = "fetch", **arguments: Any) -> Enqueued:
    """Enqueue a passage through the meetings pipeline from a stage on, for a site or for the one longest untouched.

    `arguments` are those of fetch-site, and of deploy-site where they are set; left out for the stages between. From
    "ocr" on, what was given up before is tried again. Nothing is enqueued if every site is fresh. UsageError for an
    unknown stage.
    """
    job_type = job_type_of(start)
    given = _given(start, arguments)
    if subdomain is None:
        return dispatcher.enqueue_chosen(
            lambda connection: [JobRequest(job_type, site, given) for site in take_oldest_sites(connection)]
        )
    return dispatcher.enqueue(JobRequest(job_type, subdomain, given), always_publish=True)


def update_site(subdomain: str, *, reason: str | None = None) -> Enqueued:
    """Enqueue an update of a site's meetings, and record that an operator did; raises what `update_meetings` raises."""
    enqueued = Update(subdomain=subdomain).enqueue()
    with suppress(DatabaseUnavailable), transaction() as connection:  # it is enqueued already
        record_act(connection, "update", f"site {subdomain}", reason=reason)
    return enqueued
