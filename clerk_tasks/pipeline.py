"""The stage graph of the meetings pipeline, as data: enqueueing the job type of a stage runs from there to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.errors import UsageError
from clerk.plugin.loader import asked_once, plugin_manager, plugins
from clerk.plugin.registered import Plugin, PluginSet
from clerk.settings import settings
from clerk.sites.finance import finance_job_types
from clerk.stage import BEGINNERS, STAGE_NAME, Stage
from clerk_tasks.job_types.registry import registry


def stages() -> tuple[Stage, ...]:
    """Return the stages in order, with those that plugins add; a plugin's stage of unknown place comes last."""
    ordered = [
        Stage("fetch", "fetch-site"),
        # A document that cannot be read keeps its PDF and is listed; the site is published with what it has.
        Stage("ocr", "coordinator", tolerance=settings().failed_documents),
        Stage("compilation", "db-compilation"),
        Stage("deploy", "deploy-site"),
    ]
    for plugin, stage in _declared():
        if wrong := _what_is_wrong(stage, ordered):
            plugins().quarantine(plugin.name, plugin.where, phase="hook register_stages", error=wrong)
        else:
            names = [known.name for known in ordered]
            ordered.insert(names.index(stage.after) + 1 if stage.after in names else len(ordered), stage)
    return tuple(ordered)


@asked_once
def _declared(found: PluginSet) -> list[tuple[Plugin, Any]]:
    answers = reversed(found.call("register_stages"))
    return [
        (plugin, stage)
        for plugin, answer in answers
        for stage in (answer if isinstance(answer, list | tuple) else [answer])
    ]


def ask_plugins() -> None:
    """Ask the plugins all that recording a run needs to know: a write transaction must not wait for their code."""
    registry()
    stages()
    finance_job_types()


def _what_is_wrong(stage: object, ordered: Sequence[Stage]) -> str | None:
    """Return why a plugin's stage cannot be added: it would stop every site's runs."""
    if not isinstance(stage, Stage):
        return f"it must return a list of Stage, not {stage!r:.80}"
    if not (isinstance(stage.name, str) and STAGE_NAME.fullmatch(stage.name)):
        return f"a stage's name may hold lower-case letters, digits, '_' and '-' only, not {stage.name!r:.80}"
    if not isinstance(stage.job_type, str):
        return f"stage {stage.name!r}: job_type is a job type's name, not {stage.job_type!r:.80}"
    if not (stage.after is None or isinstance(stage.after, str)):
        return f"stage {stage.name!r}: after is a stage's name, not {stage.after!r:.80}"
    tolerance = stage.tolerance
    if isinstance(tolerance, bool) or not (isinstance(tolerance, int | float) and 0 <= tolerance <= 1):
        return f"stage {stage.name!r}: tolerance is a share from 0 to 1, not {tolerance!r:.80}"
    return _what_clashes(stage, ordered)


def _what_clashes(stage: Stage, ordered: Sequence[Stage]) -> str | None:
    for known in ordered:
        if stage.name == known.name:
            return f"there is a stage {stage.name!r} already; name yours otherwise"
        if stage.job_type == known.job_type:
            return f"job type {stage.job_type!r} begins stage {known.name!r} already"
    registered = registry().job_types.get(stage.job_type)
    begins = f"stage {stage.name!r} begins with job type {stage.job_type!r}"
    if registered is None:
        return f"{begins}, which no plugin registers correctly"
    if needed := [parameter.name for parameter in registered.parameters if parameter.required]:
        return f"{begins}, which is called without arguments: give {', '.join(needed)} a default"
    return None


def stages_from(job_type: str) -> tuple[Stage, ...]:
    """Return the stages from the one that a job type begins; none for a job type that begins no stage."""
    ordered = stages() if job_type in BEGINNERS or _is_a_plugins(job_type) else ()
    starts = [at for at, stage in enumerate(ordered) if stage.job_type == job_type]
    return ordered[starts[0] :] if starts else ()


def job_type_of(stage: str) -> str:
    """Return the job type that begins a stage; UsageError lists the stages."""
    known = {known.name: known.job_type for known in stages()}
    if stage not in known:
        raise UsageError(f"Unknown stage {stage!r}. Known: {', '.join(known)}.")
    return known[stage]


def _is_a_plugins(job_type: str) -> bool:
    implemented = plugin_manager().hook.register_stages.get_hookimpls()
    return bool(implemented) and any(stage.job_type == job_type for stage in stages())
