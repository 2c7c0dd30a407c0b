"""`clerk-tasks plugins`: what is plugged in, and whether it works; begin a new one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from clerk.errors import UsageError
from clerk.plugin.registered import findings_unlogged
from clerk_tasks.cli import output
from clerk_tasks.cli.commands import COMMANDS
from clerk_tasks.cli.mount import mount_plugins
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.new_plugin import PluginKind, new_plugin
from clerk_tasks.operations.plugin_report import plugin_reports

app = typer.Typer(no_args_is_help=True, help="List the plugins and check them; write a new one.")

COLUMNS = ("name", "state", "source", "version", "hooks", "job_types", "error")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every plugin, quarantined ones with their error."""
    reports = _reports()
    output.answer_one(reports, output.Listing(reports, COLUMNS, whole=True), as_json=as_json)


@app.command()
def check(as_json: AsJson = False) -> None:
    """Exit 1 if a plugin, or a part of one, is quarantined."""
    reports = _reports()
    broken = [report for report in reports if report["error"]]
    table = output.Listing(broken, ("name", "where", "error"), whole=True)
    output.answer_one(broken, table if broken else f"{len(reports)} plugins, all of them work", as_json=as_json)
    raise typer.Exit(1 if broken else 0)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The plugin's name, such as library-hours.")],
    fetcher: Annotated[bool, typer.Option("--fetcher", help="A fetcher of a city system's meetings.")] = False,
    etl: Annotated[
        bool, typer.Option("--etl", help="Jobs that download, read and load tables, with a schedule.")
    ] = False,
    job: Annotated[bool, typer.Option("--job", help="One job type.")] = False,
    distribution: Annotated[
        bool, typer.Option("--distribution", help="A project of its own, NAME/, with an entry point.")
    ] = False,
    folder: Annotated[Path, typer.Option("--dir", help="Where to write it.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a new plugin, with tests that pass: plugins/NAME.py and tests/test_NAME.py, or a distribution."""
    chosen = [kind for kind, wanted in zip(PluginKind, (fetcher, etl, job), strict=True) if wanted]
    if len(chosen) != 1:
        raise UsageError("Say what the plugin begins with: one of --fetcher, --etl, --job.")
    files = new_plugin(name, chosen[0], folder=folder, distribution=distribution)
    output.answer_one({"files": [str(path) for path in files]}, *map(str, files), as_json=as_json)
    where = f"cd {folder / name}; " if distribution else "" if folder == Path() else f"cd {folder}; "
    output.note(f"Next: {where}pytest; clerk-tasks plugins check")


def _reports() -> list[dict[str, Any]]:
    """Mount the commands too, then report."""
    with findings_unlogged():
        mount_plugins(reserved=COMMANDS)
        return [asdict(report) for report in plugin_reports()]
