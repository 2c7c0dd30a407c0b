"""Where plugins come from: the entry points of installed distributions, and a directory of Python files."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from clerk.errors import UsageError
from clerk.hookspecs import PROJECT
from clerk.jobs import importing
from clerk.plugin.containment import BROKEN, on_trial
from clerk.plugin.idle_code import NO_PLUGIN, idle_code, is_imported
from clerk.plugin.registered import PluginSet, identify, log
from clerk.plugin.source_place import place_of, place_of_error
from clerk.trust import why_untrusted

PLUGIN_GROUP = "clerk.plugins"

#: The plugin that brings our own job types: registered first, so that every other may replace what it brings.
BUILT_IN = "clerk.meetings.plugin:BuiltinPlugin"

#: Files of a plugins directory become modules of this package.
PACKAGE = "clerk_plugins"


def has_hookimpl_methods(cls: type) -> bool:
    """Return whether a class has a public method, inherited or its own, that is marked as a hook implementation."""
    return any(hasattr(getattr(cls, name, None), f"{PROJECT}_impl") for name in dir(cls) if not name.startswith("_"))


def load_entry_points(found: PluginSet) -> None:
    """Register what every installed distribution offers in the group `clerk.plugins`."""
    share_package(Path(__file__).resolve().parent.parent / "plugins")
    offered = importlib.metadata.entry_points(group=PLUGIN_GROUP)
    for entry_point in sorted(offered, key=lambda offer: (offer.value != BUILT_IN, offer.name)):
        distribution = entry_point.dist
        where = f"{distribution.name}, {entry_point.value}" if distribution else entry_point.value
        version = distribution.version if distribution else None
        source = "built-in" if entry_point.value == BUILT_IN else "entry point"
        before = found.manager.get_plugins()
        try:
            with on_trial(), importing():
                loaded = entry_point.load()
        except BROKEN as error:
            found.keep_only(before)
            found.quarantine(entry_point.name, where, phase="import", error=error)
            continue
        _add(found, loaded, name=entry_point.name, source=source, where=where, version=version)
        _report_idle_code(found, loaded, entry_point.name, where)
        if found.manager.get_plugins() - before:
            log.info("Loaded plugin from entry point: %s", entry_point.name)


def load_directory(found: PluginSet, directory: Path) -> None:
    """Register the plugin classes of a directory's files and packages; a missing directory has none.

    Raises UsageError if the path is something else than a directory.
    """
    require_directory(directory)
    if not directory.exists():
        return
    share_package(directory.resolve())
    idle = []
    for path in _candidates(directory.resolve()):
        before = found.manager.get_plugins()
        try:
            with on_trial(), importing():
                module = _import_file(path)
        except BROKEN as error:
            found.keep_only(before)
            found.quarantine(_plugin_name(path), str(path), phase="import", error=error)
            continue
        _add_classes(found, module, path)
        if found.manager.get_plugins() == before and not _brings_plugins(found, module):
            idle.append(path)
    for path in idle:
        named = any(entry.where == str(path) for entry in found.quarantined)
        if not named and not is_imported(path, directory.resolve()):
            found.quarantine(_plugin_name(path), str(path), phase="import", error=NO_PLUGIN, place=f"{path}:1")


def _brings_plugins(found: PluginSet, module: ModuleType) -> bool:
    """Return whether a plugin is at work that is a module, or of a class of it, or of a module inside it."""
    inside = f"{identify(module)[0]}."
    return any(f"{identify(plugin)[0]}.".startswith(inside) for plugin in found.manager.get_plugins())


def require_directory(directory: Path) -> None:
    """Raise UsageError if the path exists and is no directory, or something in it that other users may change."""
    if directory.exists():
        if not directory.is_dir():
            raise UsageError(f"plugins directory {directory} is not a directory: give a folder by --plugins-dir")
        # All of it: a plugin may import any file beside it.
        for path in (directory, *directory.rglob("*")):
            if path.exists() and (reason := why_untrusted(path)):
                raise UsageError(f"plugins directory {directory} is refused: {reason}")


def share_package(directory: Path) -> None:
    """Make `from <directory's name>.x import y` find the modules of `directory`, as plugins expect.

    Where a package of the same name is already there (we ship one called `plugins`), the directory becomes one more
    place to look in. Only otherwise its parent goes on sys.path: any other file there could be imported, too.
    """
    if not directory.is_dir():
        return
    if importlib.util.find_spec(directory.name) is None and str(directory.parent) not in sys.path:
        sys.path.append(str(directory.parent))
    try:
        with on_trial():
            package = importlib.import_module(directory.name)
    except BROKEN:
        return  # a broken __init__.py: the import that needs it raises
    paths = getattr(package, "__path__", None)
    if paths is not None and str(directory) not in paths:
        paths.append(str(directory))


def _candidates(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py" and path.is_file():
            yield path
        elif (path / "__init__.py").is_file():
            yield path / "__init__.py"


def _import_file(path: Path) -> ModuleType:
    name = f"{PACKAGE}.{_root(path).stem}"
    already = _module_of_file(path)
    if already is not None:
        return already
    sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE)).__path__ = [str(_root(path).parent)]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _module_of_file(path: Path) -> ModuleType | None:
    """Return the module that was already made from this very file, under whatever name."""
    wanted = path.stat()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if name != "__main__" and file and _is_file(file, wanted):
            return module
    return None


def _is_file(file: str, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(file), wanted)  # noqa: PTH116 - hundreds of files, and Path is slow
    except OSError:
        return False


def _add_classes(found: PluginSet, module: ModuleType, path: Path) -> None:
    inside = f"{module.__name__}."
    kinds = [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and f"{kind.__module__}.".startswith(inside) and has_hookimpl_methods(kind)
    ]
    for kind in dict.fromkeys(kinds):
        name = _plugin_name(path) if len(kinds) == 1 else f"{_plugin_name(path)}:{kind.__name__}"
        _add(found, kind, name=name, source="directory", where=str(path))
    _report_idle_code(found, module, _plugin_name(path), str(path))


def _report_idle_code(found: PluginSet, loaded: object, name: str, where: str) -> None:
    """Quarantine what is not called of a module, or of the module of a class, a function or an instance."""
    module = loaded if isinstance(loaded, ModuleType) else sys.modules.get(str(getattr(loaded, "__module__", "")))
    if module is not None and module not in found.manager.get_plugins():
        known = {(entry.error, entry.place) for entry in found.quarantined}  # of another plugin in this module
        for problem, place in idle_code(module):
            if (problem, place) not in known:
                found.quarantine(name, where, phase="import", error=problem, place=place)


def _add(found: PluginSet, loaded: object, *, name: str, source: str, where: str, version: str | None = None) -> None:
    """Register what a class or a factory makes, or the object itself; one that registered itself keeps its instance."""
    if callable(loaded) and not has_hookimpl_methods(type(loaded)):
        try:
            with on_trial():
                loaded = (found.instance_of(loaded) if inspect.isclass(loaded) else None) or loaded()
        except BROKEN as error:
            place = place_of_error(error) or place_of(loaded)
            found.quarantine(name, where, phase="constructor", error=error, place=place)
            return
    found.add(loaded, name=name, source=source, where=where, version=version)


def _root(path: Path) -> Path:
    return path.parent if path.name == "__init__.py" else path


def _plugin_name(path: Path) -> str:
    return _root(path).stem.replace("_", "-")
