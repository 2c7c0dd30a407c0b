"""`clerk-tasks health`: check that everything is there and at work."""

from __future__ import annotations

from dataclasses import asdict

import typer

from clerk.plugin.registered import findings_unlogged
from clerk_tasks.cli import output
from clerk_tasks.cli.commands import COMMANDS
from clerk_tasks.cli.mount import mount_plugins
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.health import check_health
from clerk_tasks.operations.level import Level


def command(as_json: AsJson = False) -> None:
    """Check the whole system. Exit 0: all is well, 1: something needs attention, 2: nothing can run."""
    with findings_unlogged():
        mount_plugins(reserved=COMMANDS)  # so that a command that cannot be mounted is among the quarantined
        findings = check_health()
    worst = max(finding.level for finding in findings)
    rows = [asdict(finding) | {"level": finding.level.name.lower()} for finding in findings]
    value = {"level": Level(worst).name.lower(), "checks": rows}
    output.answer_one(value, output.Listing(rows, ("level", "check", "detail")), as_json=as_json)
    raise typer.Exit(int(worst))
