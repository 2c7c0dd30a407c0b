"""A plugin's click command in the Typer tree."""

from __future__ import annotations

from typing import Any

import click
import typer
from click.shell_completion import ShellComplete
from typer.core import TyperCommand


class ClickCommand(TyperCommand):
    """A plugin's click command as a leaf of the Typer tree; Typer has its own copy of click, so the two never meet.

    The leaf takes its arguments unread and has click read them; what click raises becomes what Typer expects.
    """

    def __init__(self, command: Any) -> None:
        help_line = command.get_short_help_str(limit=200)
        super().__init__(command.name, help=help_line, hidden=command.hidden, rich_markup_mode=None)
        self.command = command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep every argument, `--help` too, for click."""
        ctx.args = list(args)
        return list(args)

    def invoke(self, ctx: Any) -> Any:
        """Run the click command under our name, with our context's object."""
        ours = {"help_option_names": ctx.help_option_names, **self.command.context_settings}
        try:
            with self.command.make_context(ctx.command_path, list(ctx.args), obj=ctx.obj, **ours) as inner:
                return self.command.invoke(inner)
        except click.exceptions.Exit as exit_:
            raise typer.Exit(exit_.exit_code) from None
        except click.ClickException as error:
            error.show()
            raise typer.Exit(error.exit_code) from None
        except (click.Abort, EOFError):
            raise typer.Abort from None

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Ask click what could come next."""
        return ShellComplete(self.command, {}, ctx.command_path, "").get_completions(list(ctx.args), incomplete)
