"""`clerk-tasks health`: check that everything is there and at work."""

from __future__ import annotations

import typer

from clerk.plugin.registered import findings_unlogged
from clerk_tasks.cli import output
from clerk_tasks.cli.commands import COMMANDS
from clerk_tasks.cli.mount import mount_plugins
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.health import as_report, check_health


def command(as_json: AsJson = False) -> None:
    """Check the whole system. Exit 0: all is well, 1: something needs attention, 2: nothing can run."""
    with findings_unlogged():
        mount_plugins(reserved=COMMANDS)  # so that a command that cannot be mounted is among the quarantined
        findings = check_health()
    worst = max(finding.level for finding in findings)
    report = as_report(findings)
    output.answer_one(report, output.Listing(report["checks"], ("level", "check", "detail")), as_json=as_json)
    raise typer.Exit(int(worst))
