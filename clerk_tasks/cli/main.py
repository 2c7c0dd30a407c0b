"""The root of `clerk-tasks` (and `clerk`): global options, commands by name, and the one place where errors end."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from clerk import __version__
from clerk.errors import ClerkError, UsageError
from clerk.plugin.loader import use_plugins_directory
from clerk.plugin.source_place import place_of_error
from clerk.redaction import redact
from clerk.trust import TRUST
from clerk_tasks import logs
from clerk_tasks.cli import output
from clerk_tasks.cli.commands import COMMANDS
from clerk_tasks.cli.mount import LazyCommand, command_module, mount_plugins

FAILED = 1


class Root(TyperGroup):
    """The command tree's root: ours by name, and the plugins' when one is asked for that is not ours."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: LazyCommand(name, help=text) for name, text in COMMANDS.items()})
        self._mounted = False

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the root's own options."""
        with _in_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Parse the rest and run the command."""
        with _in_one_line():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Find the plugins directory first: `--help` and completion, wherever they stand, need it."""
        _log_to_stderr(debug="--debug" in _own_options(args))
        if "--trust" in _own_options(args):
            os.environ[TRUST] = "1"  # for the processes that this one starts, too
        try:
            use_plugins_directory(_option(_own_options(args), "--plugins-dir"))
        except UsageError as error:
            if not {"-h", "--help"} & set(args):
                raise
            output.warn(str(error))
            self._mounted = True  # there is help without the plugins, too
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Name every command, plugins' included."""
        self._mount()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, loading the plugins only for one that is not ours."""
        if cmd_name not in self.commands:
            self._mount()
        return super().get_command(ctx, cmd_name)

    def _mount(self) -> None:
        if not self._mounted:
            self._mounted = True
            self.commands.update(mount_plugins(reserved=COMMANDS))


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Say what the parser has to say as every error is said, rather than with the command's usage."""
    try:
        yield
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        if error.exit_code != UsageError.exit_code:
            raise ClerkError(error.format_message()) from None
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "clerk-tasks"
        raise UsageError(f"{error.format_message()} ({_site_hint(error)}see `{command} --help`)") from None


def _site_hint(error: TyperException) -> str:
    """Return where a site belongs, if an argument was given to a command that takes a site as an option."""
    context = getattr(error, "ctx", None)
    options = {name for parameter in context.command.params for name in parameter.opts} if context else set()
    is_extra = "unexpected extra argument" in error.format_message()
    return "name a site with --subdomain; " if is_extra and "--subdomain" in options else ""


cli = typer.Typer(
    cls=Root,
    name="clerk-tasks",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.print_line(f"clerk-tasks {__version__}")
        raise typer.Exit


@cli.callback()
def root(
    ctx: typer.Context,
    plugins_dir: Annotated[
        Path | None,
        typer.Option(envvar="CLERK_PLUGINS_DIR", help="Directory of plugins (default: ./plugins)."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print answers and errors only.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Accept plugins and a .env that other users may change (CLERK_TRUST=1).")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn city websites into searchable public databases."""
    output.set_quiet(quiet)
    ctx.obj = {"plugins_dir": plugins_dir, "quiet": quiet, "debug": debug, "trust": trust}


def database_commands() -> typer.Typer:
    """Return the app of `clerk-tasks db`, which plugins know as `clerk.db.db`."""
    app: typer.Typer = command_module("db").app
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; an error is one line, a traceback only with --debug."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    output.show_every_letter()
    try:
        code = _run(arguments)
        output.flush()
        return code
    except KeyboardInterrupt:
        return output.INTERRUPTED
    except BrokenPipeError:
        output.give_up()  # the reader of our pipe is gone
        return FAILED
    except Exception as error:
        if "--debug" in _own_options(arguments):
            output.say_lines(redact(traceback.format_exc()).rstrip())
        return _explain(error)


def _run(arguments: list[str]) -> int:
    name = Path(sys.argv[0]).name
    try:
        typer.main.get_command(cli).main(arguments, prog_name=name if name == "clerk" else "clerk-tasks")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        output.say(redact(str(end.code)))  # as Python does
        return FAILED
    return 0


def _explain(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        try:
            output.print_line()
            output.flush()
        except ClerkError as unwritten:  # so it was the parser, or a plugin, that could not print
            error = unwritten
    if isinstance(error, ClerkError):
        code, line = error.exit_code, str(error)
    else:
        place = place_of_error(error, installed=False) or "a bug"
        code, line = FAILED, f"{type(error).__name__}: {error} ({place}; --debug before the command shows where)"
    output.fail(redact(" ".join(line.split())))
    return code


def _own_options(arguments: Sequence[str]) -> list[str]:
    """Return the arguments before the command's name: the root's own options with their values."""
    own: list[str] = []
    for argument in arguments:
        takes_this = bool(own) and own[-1] == "--plugins-dir"
        if not takes_this and (argument == "--" or not argument.startswith("-")):
            break
        own.append(argument)
    return own


def _option(own: Sequence[str], name: str) -> str | None:
    """Return the last value of an option, written `--name value` or `--name=value`."""
    value = None
    for argument, following in pairwise([*own, None]):
        if argument == name:
            value = following
        elif argument and argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
    return value


class _ToStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        output.say_lines(f"{record.levelname.lower()}: {self.format(record)}")


def _log_to_stderr(*, debug: bool) -> None:
    """Print our modules' warnings (a quarantined plugin, say) as the command line's own."""
    completing = "_CLERK_TASKS_COMPLETE" in os.environ or "_CLERK_COMPLETE" in os.environ  # on a shell's prompt
    for name in logs.OURS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL if completing else logging.DEBUG if debug else logging.NOTSET)
        if not any(isinstance(handler, _ToStderr) for handler in logger.handlers):
            handler = _ToStderr()
            handler.setFormatter(logs.LogLines())
            logger.addHandler(handler)
