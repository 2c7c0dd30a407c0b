"""Puts commands into the tree: ours on demand, plugins' Typer apps as they are, plugins' click commands by a bridge."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Collection
from functools import cache
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand

from clerk.collecting import uncollected
from clerk.errors import UsageError
from clerk.plugin.containment import BROKEN, contained
from clerk.plugin.loader import plugins
from clerk.plugin.source_place import place_of


@cache
def command_module(name: str) -> ModuleType:
    """Import the module of one of our commands.

    The garbage collector leaves what is imported alone, now and later: that is a third of what a short command takes.
    """
    with uncollected():
        found = importlib.import_module(f"clerk_tasks.cli.{name}")
        gc.freeze()
    return found


class LazyCommand(TyperCommand):
    """One of our commands: its name and one line of help; the module behind it is imported when it is used."""

    def __init__(self, name: str, *, help: str) -> None:  # noqa: A002 - Typer's own word
        super().__init__(name, help=help, rich_markup_mode=None)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Hand over to the real command."""
        return _command_of(command_module(str(self.name)), str(self.name)).make_context(
            info_name, args, parent=parent, **extra
        )


def on_demand(module: str) -> type[TyperCommand]:
    """Return the class of a command of a group whose module is imported when it is used."""

    class OnDemand(TyperCommand):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
            real = _command_of(command_module(module), str(self.name))
            return real.make_context(info_name, args, parent=parent, **extra)

    return OnDemand


def mount_plugins(*, reserved: Collection[str]) -> dict[str, Any]:
    """Return the plugins' commands by name; one whose name is taken is quarantined, the first keeps it."""
    found = plugins()
    mounted: dict[str, Any] = {}
    owners = dict.fromkeys(reserved, "clerk-tasks itself")
    for plugin, answer in reversed(found.call("register_cli_commands")):
        try:
            with contained():
                command = _plugin_command(answer)
        except BROKEN as error:
            place = place_of(getattr(plugin.implementation, "register_cli_commands", None))
            found.quarantine(plugin.name, plugin.where, phase="command", error=error, place=place)
            continue
        if command.name in owners:
            error_line = f"the name is taken by {owners[command.name]}: give it another"
            found.quarantine(plugin.name, plugin.where, phase=f"command {command.name}", error=error_line)
            continue
        owners[command.name] = f"plugin {plugin.name} ({plugin.where})"
        mounted[command.name] = command
    return mounted


def _plugin_command(answer: object) -> Any:
    if isinstance(answer, typer.Typer):
        return _typer_command(answer)
    click = sys.modules.get("click")  # a plugin that returns a click command has imported it
    if click is None or not isinstance(answer, click.Command):
        raise UsageError(f"return a click command or group, or a typer.Typer, not {answer!r:.80}")
    if not answer.name:
        raise UsageError("the click command needs a name")
    from clerk_tasks.cli.click_command import ClickCommand  # click costs time, and few plugins use it

    return ClickCommand(answer)


def _typer_command(app: typer.Typer) -> Any:
    """Build a named app as a group, even around one command; an unnamed app of one command as that command."""
    name = app.info.name
    if not (app.registered_commands or app.registered_groups or app.registered_callback):
        raise UsageError("the app has no command: put @app.command() above a function")
    command = typer.main.get_group(app) if isinstance(name, str) else typer.main.get_command(app)
    if not command.name:
        raise UsageError('the app needs a name: typer.Typer(name="...")')
    return command


def _command_of(module: ModuleType, name: str) -> Any:
    """Return a module's `app` as a group, or its function `command` as a leaf."""
    app = getattr(module, "app", None)
    if app is not None:
        app.rich_markup_mode = None  # rich costs a third of a second, and eats [brackets]
        return typer.main.get_group(app)
    leaf = typer.Typer(rich_markup_mode=None, add_completion=False)
    leaf.command(name, cls=getattr(module, "command_class", None))(module.command)
    return typer.main.get_command(leaf)
