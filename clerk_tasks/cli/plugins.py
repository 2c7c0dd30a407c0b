"""`clerk-tasks plugins`: what is plugged in, and whether it works."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from clerk.plugin.registered import findings_unlogged
from clerk_tasks.cli import output
from clerk_tasks.cli.commands import COMMANDS
from clerk_tasks.cli.mount import mount_plugins
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.plugin_report import plugin_reports

app = typer.Typer(no_args_is_help=True, help="List the plugins and check them.")

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


def _reports() -> list[dict[str, Any]]:
    """Mount the commands too, then report."""
    with findings_unlogged():
        mount_plugins(reserved=COMMANDS)
        return [asdict(report) for report in plugin_reports()]
