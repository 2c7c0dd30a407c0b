"""The plugins of this process: one pluggy manager, where each plugin came from, and what had to be set aside."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import pluggy

from clerk.errors import ClerkError, SettingError
from clerk.hookspecs import PROJECT, ClerkSpec
from clerk.plugin.containment import BROKEN, contained, on_trial
from clerk.plugin.source_place import place_of, place_of_error, without_addresses
from clerk.redaction import redact

log = logging.getLogger("clerk.plugins")

#: The name of the plugin that brings our own job types.
BUILT_IN_NAME = "clerk"

#: The hooks that we call.
HOOKS = tuple(sorted(name for name in dir(ClerkSpec) if not name.startswith("_")))

#: What the phases of a quarantine that are not named after a hook are asked for by.
_ASKED_BY = {
    "job type": "register_job_types",
    "queue": "register_job_types",
    "pool": "register_worker_functions",
    "schedule": "register_schedules",
    "command": "register_cli_commands",
    "metric": "register_metrics",
    "page": "register_board_pages",
}

#: Marked by plugins that were written for older releases of clerk; they are never called, which is not an error.
OLD_HOOKS = frozenset({"create_site", "update_site"})


_ASYNC = "it is async: make it a plain method"
_NO_WRAPPERS = "hook wrappers are not supported; implement the hook plainly"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that is at work, and where it came from."""

    name: str
    source: str  # built-in, entry point, directory or self-registered
    where: str  # a file, or a distribution
    version: str | None
    implementation: object


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A plugin, or a part of one, that was set aside so that the others can work."""

    name: str
    where: str
    phase: str  # import, constructor, register, hook NAME, job type NAME, pool NAME or command
    error: str
    place: str | None = None  # FILE:LINE of the code that is meant, if it is known

    def __str__(self) -> str:
        return f"plugin {self.name} ({self.where}) is quarantined at {self.phase}: {self.problem}"

    @property
    def problem(self) -> str:
        """What is wrong, and in which line."""
        return f"{self.error} ({self.place})" if self.place else self.error


@contextmanager
def findings_unlogged() -> Iterator[None]:
    """Keep what is set aside in a with block out of the log, unless it is debugged: the caller prints each finding."""
    before = log.level
    if not log.isEnabledFor(logging.DEBUG):
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


class PluginSet:
    """One pluggy manager and what we know about each plugin in it."""

    def __init__(self) -> None:
        self.loaded = False
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(ClerkSpec)
        self._records: dict[int, Plugin] = {}  # by id of the implementation
        self._quarantined: dict[Quarantined, None] = {}  # in the order of discovery, each once

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """List the plugins at work, in the order in which they were registered."""
        return tuple(self.record(implementation) for _, implementation in self.manager.list_name_plugin())

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """List what was set aside, in the order of discovery."""
        return tuple(self._quarantined)

    def quarantine(
        self, name: str, where: str, *, phase: str, error: BaseException | str, place: str | None = None
    ) -> None:
        """Set something aside, and say so in the log the first time.

        `place` is the FILE:LINE that is meant, by default that where the error was raised, else that of the hook.
        Raises SettingError instead where one of our settings is bad: that is no plugin's fault.
        """
        if isinstance(error, SettingError):
            from clerk.settings import settings  # on demand: pydantic would double the time of `--help`

            settings()
        if isinstance(error, BaseException):
            place = place or place_of_error(error)
        place = place or self._place_of_hook(name, where, phase)
        text = without_addresses(error if isinstance(error, str) else describe(error))
        entry = Quarantined(name, where, phase, text, place)
        if entry not in self._quarantined:
            self._quarantined[entry] = None
            traceback = error if isinstance(error, BaseException) and log.isEnabledFor(logging.DEBUG) else None
            log.warning("%s", entry, exc_info=traceback)

    def record(self, implementation: object) -> Plugin:
        """Return what we know about a registered plugin; of one that registered itself, its class or module."""
        known = self._records.get(id(implementation))
        if known is not None:
            return known
        if isinstance(implementation, ModuleType):
            name, where = identify(implementation)[0], str(vars(implementation).get("__file__", ""))
        else:
            name, where = type(implementation).__name__, type(implementation).__module__
        return Plugin(name, "self-registered", where, None, implementation)

    def add(self, implementation: object, *, name: str, source: str, where: str, version: str | None = None) -> None:
        """Register a plugin under the first free name like `name`; a copy found elsewhere takes its twin's place."""
        twin = self._twin(implementation)
        known = self._records.get(id(twin))
        if known is not None and (twin is implementation or (known.source, known.where) == (source, where)):
            return
        if twin is not None:
            self._drop(twin)
        name = self._free_name(name)
        try:
            with contained():  # pluggy looks at every attribute, and a property is code
                self.manager.register(implementation, name)
        except pluggy.PluginValidationError as error:
            odd, place = _what_is_wrong(implementation, error)
            self.quarantine(name, where, phase="register", error=odd, place=place)
            return
        except BROKEN as error:
            self.quarantine(name, where, phase="register", error=error)
            return
        if not self.manager.get_hookcallers(implementation):
            self._drop(implementation)
            advice = "it implements no hook: mark its methods with @clerk.hookimpl"
            place = place_of(type(implementation))
            self.quarantine(name, where, phase="register", error=advice, place=place)
            return
        self._records[id(implementation)] = Plugin(name, source, where, version, implementation)
        self._report_odd_hooks(self.record(implementation))

    def instance_of(self, kind: type) -> object | None:
        """Return the registered plugin of exactly this class."""
        return next((plugin for plugin in self.manager.get_plugins() if type(plugin) is kind), None)

    def keep_only(self, before: Collection[object]) -> None:
        """Take out whatever registered itself since `before`, while a module was imported that then failed."""
        for plugin in self.manager.get_plugins().difference(before):
            self._drop(plugin)

    def hooks_of(self, plugin: object) -> tuple[str, ...]:
        """List the names of the hooks that a registered plugin implements, known ones only."""
        return tuple(sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or () if caller.has_spec()))

    def call(self, hook: str, **arguments: Any) -> list[tuple[Plugin, Any]]:
        """Call each implementation by itself, last registered first; quarantine one that raises, drop None."""
        answers = []
        for implementation in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            if _is_wrapper(implementation):
                continue
            plugin = self.record(implementation.plugin)
            try:
                with on_trial() if hook.startswith("register_") else contained():
                    answer = implementation.function(*(arguments[name] for name in implementation.argnames))
            except BROKEN as error:
                self.quarantine(plugin.name, plugin.where, phase=f"hook {hook}", error=error)
                continue
            if inspect.iscoroutine(answer):
                answer.close()  # so that Python does not warn of it
                self.quarantine(plugin.name, plugin.where, phase=f"hook {hook}", error=_ASYNC)
            elif answer is not None:
                answers.append((plugin, answer))
        return answers

    def _place_of_hook(self, name: str, where: str, phase: str) -> str | None:
        """Return FILE:LINE of the hook by which a plugin brought what a phase names."""
        hook = next((asked for start, asked in _ASKED_BY.items() if f"{phase} ".startswith(f"{start} ")), phase)
        known = (record for record in self._records.values() if (record.name, record.where) == (name, where))
        plugin = next(known, None)
        return place_of(getattr(plugin.implementation, hook.removeprefix("hook "), None)) if plugin else None

    def _drop(self, plugin: object) -> None:
        self.manager.unregister(plugin)
        self._records.pop(id(plugin), None)

    def _free_name(self, name: str) -> str:
        candidates = [name, *(f"{name}-{number}" for number in range(2, 1000))]
        return next(candidate for candidate in candidates if not self.manager.has_plugin(candidate))

    def _twin(self, implementation: object) -> object | None:
        identity = identify(implementation)
        return next((plugin for plugin in self.manager.get_plugins() if identify(plugin) == identity), None)

    def _report_odd_hooks(self, plugin: Plugin) -> None:
        for caller in self.manager.get_hookcallers(plugin.implementation) or ():
            odd = None
            if not caller.has_spec() and caller.name not in OLD_HOOKS:
                near = get_close_matches(caller.name, HOOKS, n=1)
                advice = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(HOOKS)}"
                odd = f"clerk has no such hook and will never call it; {advice}"
            elif any(entry.plugin is plugin.implementation and _is_wrapper(entry) for entry in caller.get_hookimpls()):
                odd = _NO_WRAPPERS
            if odd:
                place = place_of(getattr(plugin.implementation, caller.name, None))
                self.quarantine(plugin.name, plugin.where, phase=f"hook {caller.name}", error=odd, place=place)


def _what_is_wrong(implementation: object, error: pluggy.PluginValidationError) -> tuple[str, str | None]:
    """Return what is wrong with the hook that pluggy refuses, and its FILE:LINE."""
    for hook in HOOKS:
        method: Any = getattr(implementation, hook, None)
        if not hasattr(method, f"{PROJECT}_impl"):
            continue
        wanted = list(inspect.signature(getattr(ClerkSpec, hook)).parameters)[1:]
        others = [name for name in inspect.signature(method).parameters if name not in wanted]
        if others:
            names = f"{', '.join(others)}; its arguments are {', '.join(wanted) or 'none'}"
            return f"hook {hook} takes no argument {names}: rename or remove it", place_of(method)
        options = getattr(method, f"{PROJECT}_impl")
        if options.get("wrapper") or options.get("hookwrapper"):
            return f"hook {hook}: {_NO_WRAPPERS}", place_of(method)
    return describe(error), None


def _is_wrapper(implementation: pluggy.HookImpl) -> bool:
    return implementation.wrapper or implementation.hookwrapper


def identify(plugin: object) -> tuple[str, str]:
    """Return what two copies of one plugin share, wherever they were found: module name and class name.

    `plugins/acme.py` in a checkout is `clerk_plugins.acme`, installed it is `acme` or `plugins.acme`.
    """
    if isinstance(plugin, ModuleType):
        module, name = plugin.__name__, ""
    else:
        module, name = type(plugin).__module__, type(plugin).__qualname__
    for prefix in ("clerk_plugins.", "plugins."):
        module = module.removeprefix(prefix)
    return module, name


def describe(error: BaseException) -> str:
    """Put an exception into one line, without secrets; ours need no more than their text."""
    text = redact(" ".join(str(error).split()))
    if text and isinstance(error, ClerkError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
