"""The pages about sites: Sites, Site and Published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from clerk.sites.admin import show_site
from clerk.visible import visible_json
from clerk_tasks.board import charts
from clerk_tasks.board.parts import (
    Asked,
    Badge,
    Button,
    Buttons,
    Drawing,
    FactList,
    Lines,
    PageAnswer,
    PageField,
    Table,
    act_button,
    badge,
    bar,
    enqueue_button,
    moment,
    run_link,
    site_link,
    tone_of,
)
from clerk_tasks.operations import answers, listing
from clerk_tasks.operations.documents import list_documents
from clerk_tasks.operations.pauses import list_pauses
from clerk_tasks.operations.published import list_versions
from clerk_tasks.operations.short_ids import short_run_ids
from clerk_tasks.operations.webhooks import list_silent
from clerk_tasks.operations.why import explain
from clerk_tasks.operations.wording import duration, plain

#: What the page Sites can be narrowed to.
_SHOWN: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "late": answers.is_late,
    "failing": answers.is_failing,
    "busy": itemgetter("unfinished"),
    "owing": itemgetter("owed"),
    "with dead letters": itemgetter("discarded"),
}
#: How many runs and documents the page of a site lists.
_RUNS, _DOCUMENTS = 20, 200


def sites(asked: Asked) -> PageAnswer:
    """Answer which sites are up to date, late and failing."""
    found = listing.show_status(limit=1)
    silent = {each["subdomain"]: each for each in list_silent()}
    show, named = asked.text("show"), (asked.text("name") or "").lower()
    wanted = _SHOWN.get(show or "", bool)
    chosen = [
        site for site in found["sites"] if wanted(site) and named in f"{site['subdomain']} {site['name']}".lower()
    ]
    chosen.sort(key=lambda site: (site["age"] is not None, -(site["age"] or 0)))
    rows = [
        [
            site_link(site["subdomain"]),
            site["name"],
            _freshness(site),
            duration(site["age"]),
            _strip(site),
            badge(site["last_run_state"]) if site["last_run_state"] else None,
            site["unfinished"],
            site["failed"],
            site["discarded"],
            site["owed"],
            _yield(silent.get(site["subdomain"])),
            _site_buttons(site["subdomain"]),
        ]
        for site in chosen
    ]
    columns = (
        *("Site", "Name", "Freshness", "Last success", "Stages of the last run", "It is", "Jobs left"),
        *("Failed", "Dead letters", "Owed", "Yield", ""),
    )
    table = Table("", columns, rows, "No site is so.", [site["subdomain"] for site in chosen])
    fields = [PageField("name", "Name contains", named), PageField("show", "Only", show or "", choices=tuple(_SHOWN))]
    level = "attention" if any(map(answers.is_failing, found["sites"])) else "ok"
    return PageAnswer(answers.of_sites(found["sites"]), "clerk-tasks status", found, [table], level, fields=fields)


def _freshness(site: Mapping[str, Any]) -> Badge:
    if answers.is_failing(site):
        return Badge("failing", "bad")
    return Badge("late", "warn") if answers.is_late(site) else Badge("up to date", "good")


def _strip(site: Mapping[str, Any]) -> Drawing | None:
    if not site["stages"]:
        return None
    cells = []
    for stage in site["stages"]:
        done = stage["total"] - stage["remaining"]
        tone = "bad" if stage["failed"] else tone_of(stage["state"])
        said = f"{stage['name']}: {stage['state']}, {done} of {stage['total']} done, {stage['failed']} failed"
        cells.append(
            (tone, said, 1.0 if stage["state"] == "closed" else done / stage["total"] if stage["total"] else 0.0)
        )
    return Drawing(charts.stages(f"Stages of run {site['last_run']}", cells))


def _yield(silent: Mapping[str, Any] | None) -> str | None:
    if silent is None:
        return None
    return f"nothing new for {silent['silent_days']:g} days, usual are {silent['usual_days']:g}"


def _site_buttons(subdomain: str) -> Buttons:
    pause = act_button("Pause…", "pause", kind="site", name=subdomain)
    return Buttons([act_button("Update…", "update", site=subdomain), pause])


def site(asked: Asked) -> PageAnswer:
    """Answer why the work of a site is as it is."""
    subdomain = asked.path["subdomain"]
    row = show_site(subdomain)
    lines = explain(subdomain)
    runs = listing.list_runs(subdomain=subdomain, limit=_RUNS)
    documents = list_documents(subdomain)
    paused = [pause for pause in list_pauses() if (pause["kind"], pause["name"]) == ("site", subdomain)]
    short = short_run_ids(run["id"] for run in runs)
    listed = [
        [
            run_link(run["id"], short),
            run["pipeline"],
            badge(run["state"]),
            bar(run["percent"]),
            run["jobs"],
            run["failed"],
            moment(run["created_at"]),
            moment(run["finished_at"]),
            moment(run["ends_at"]),
        ]
        for run in runs
    ]
    owed = [[d["kind"], d["meeting"], d["date"], d["title"], badge(d["state"]), d["reason"]] for d in documents]
    parts = [
        Lines("Why", lines[1:]) if lines[1:] else Lines("Why", ["There is no more to say."]),
        Table(
            "Runs",
            ("Run", "Pipeline", "State", "Done", "Jobs", "Failed", "Began", "Ended", "Ends about"),
            listed,
            "It has had no run.",
            [run["id"] for run in runs],
        ),
        Table(
            "Documents owed, failed and withdrawn",
            ("Kind", "Meeting", "Date", "Title", "State", "Reason"),
            owed[:_DOCUMENTS],
            "No document is owed or withdrawn.",
        ),
        _versions_table("Databases", list_versions(subdomain)),
        FactList("Settings", {name.replace("_", " "): _setting(value) for name, value in row.items()}),
    ]
    resume = act_button("Resume…", "resume", kind="site", name=subdomain)
    pause = act_button("Pause…", "pause", kind="site", name=subdomain)
    update, enqueue = act_button("Update…", "update", site=subdomain), enqueue_button(subdomain)
    buttons: list[Button] = [update, enqueue, resume if paused else pause]
    return PageAnswer(
        lines[0], f"clerk-tasks why {subdomain}", lines, parts, title=f"Site {subdomain}", buttons=buttons
    )


def _setting(value: Any) -> str | int | float | None:
    """Return a column of a site's row as a text, a number or nothing."""
    if value is None or isinstance(value, str | int | float):
        return value
    return visible_json(value, indent=None, default=plain)


def published(_asked: Asked) -> PageAnswer:
    """Answer what readers see, and how old it is."""
    found = list_versions()
    parts = [_versions_table("", found)]
    return PageAnswer(answers.of_published(found), "clerk-tasks publish list", found, parts)


def _versions_table(title: str, versions: list[dict[str, Any]]) -> Table:
    rows = [
        [
            site_link(each["subdomain"]),
            each["database"],
            each["version"],
            Badge("readers see it", "good") if each["live"] else None,
            moment(each["published_at"]),
            each["rows"],
            run_link(each["run_id"]) if each["run_id"] else None,
            _back(each),
        ]
        for each in versions
    ]
    columns = ("Site", "Database", "Version", "", "Published", "Rows", "Run", "")
    keys = [f"{each['subdomain']}-{each['database']}-{each['version']}" for each in versions]
    return Table(title, columns, rows, "Nothing is published here: CLERK_PUBLISH_DIR may not be set.", keys)


def _back(version: Mapping[str, Any]) -> Buttons:
    if version["live"]:
        return Buttons([])
    named = {"site": version["subdomain"], "database": version["database"], "version": version["version"]}
    return Buttons([act_button("Roll back to it…", "rollback", **named)])
