"""The stage graph of the meetings pipeline, as data: enqueueing the job type of a stage runs from there to the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clerk.errors import NotFoundError

#: What `runs.pipeline` says of a passage through the stages below.
MEETINGS = "meetings"


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a run, and the job type that it begins with; jobs may add others to it, or to a later one.

    The run goes on while the failed share of the jobs, that first one aside, is at most `tolerance`. `after` places a
    plugin's stage.
    """

    name: str
    job_type: str
    tolerance: float = field(default=0.0, kw_only=True)
    after: str | None = field(default=None, kw_only=True)


def stages() -> tuple[Stage, ...]:
    """Return the stages in order, with those that plugins add; a plugin's stage of unknown place comes last."""
    from clerk.plugin_loader import call_hook
    from clerk.settings import settings

    ordered = [
        Stage("fetch", "fetch-site"),
        # A document that cannot be read keeps its PDF and is listed; the site is published with what it has.
        Stage("ocr", "coordinator", tolerance=settings().failed_documents),
        Stage("compilation", "db-compilation"),
        Stage("deploy", "deploy-site"),
    ]
    for plugin, answer in reversed(call_hook("register_stages")):
        for stage in answer if isinstance(answer, list | tuple) else [answer]:
            names = [known.name for known in ordered]
            if wrong := _what_is_wrong(stage, names):
                _set_aside(plugin, wrong)
            else:
                ordered.insert(names.index(stage.after) + 1 if stage.after in names else len(ordered), stage)
    return tuple(ordered)


def _what_is_wrong(stage: object, names: Sequence[str]) -> str | None:
    """Return why a plugin's stage cannot be added: it would stop every site's runs."""
    from clerk.plugin_loader import call_hook

    if not isinstance(stage, Stage):
        return f"it must return a list of Stage, not {stage!r:.80}"
    if stage.name in names:
        return f"there is a stage {stage.name!r} already; name yours otherwise"
    if not any(
        stage.job_type in answer for _, answer in call_hook("register_job_types") if isinstance(answer, Mapping)
    ):
        return f"stage {stage.name!r} begins with job type {stage.job_type!r}, which nobody registers"
    return None


def _set_aside(name: str, wrong: str) -> None:
    from clerk.plugin_loader import plugins

    found = plugins()
    where = next((plugin.where for plugin in found.plugins if plugin.name == name), "")
    found.quarantine(name, where, phase="hook register_stages", error=wrong)


def stages_from(job_type: str) -> tuple[Stage, ...]:
    """Return the stages from the one that a job type begins; none for a job type that begins no stage."""
    ordered = stages() if job_type in BEGINNERS or _is_a_plugins(job_type) else ()
    starts = [at for at, stage in enumerate(ordered) if stage.job_type == job_type]
    return ordered[starts[0] :] if starts else ()


def job_type_of(stage: str) -> str:
    """Return the job type that begins a stage; NotFoundError lists the stages."""
    known = {known.name: known.job_type for known in stages()}
    if stage not in known:
        raise NotFoundError(f"Unknown stage {stage!r}. Known: {', '.join(known)}.")
    return known[stage]


#: The job types that begin our own stages: asking the plugins is spared for all others that cannot.
BEGINNERS = frozenset({"fetch-site", "coordinator", "db-compilation", "deploy-site"})


def _is_a_plugins(job_type: str) -> bool:
    from clerk.plugin_loader import plugin_manager

    implemented = plugin_manager().hook.register_stages.get_hookimpls()
    return bool(implemented) and any(stage.job_type == job_type for stage in stages())
