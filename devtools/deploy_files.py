"""Reads the files of deploy/ and the Dockerfile: which commands they run, in which environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from clerk_tasks.cli.main import cli

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("systemd/*.service"), *DEPLOY.glob("systemd/*.timer")])
COMPOSE = DEPLOY / "compose.yaml"
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
DOCKERFILE = ROOT / "Dockerfile"
#: Where the units expect the program.
PROGRAM = "/opt/clerk-tasks/bin/clerk-tasks"


@dataclass(frozen=True, slots=True)
class Use:
    """One of our commands in a file, without the program's own name."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        """Say where it is."""
        return f"{self.where}: {' '.join(self.words)}"


def unit(path: Path) -> dict[str, list[str]]:
    """Return the settings of a unit, each with its values, whichever section they are in."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def compose() -> dict[str, Any]:
    """Return the Compose file."""
    content: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return content


def our_services() -> dict[str, dict[str, Any]]:
    """Return the services of the Compose file that run our image."""
    image = compose()["x-clerk"]["image"]
    return {name: service for name, service in compose()["services"].items() if service["image"] == image}


def objects(*, of: Path | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file name, object) of the Kubernetes manifests."""
    for path in [of] if of else MANIFESTS:
        yield from ((path.name, each) for each in yaml.safe_load_all(path.read_text()))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (where, pod spec) of the Kubernetes manifests."""
    for name, each in objects():
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield f"{name}, {each['metadata']['name']}", template["spec"]


def uses() -> list[Use]:
    """Return each of our commands that the files run."""
    found = [
        Use(path.name, tuple(line.replace("%i", "ocr").replace("$WORKER_OPTIONS", "-c 2").split()[1:]))
        for path in UNITS
        for line in unit(path).get("ExecStart", [])
    ]
    arrays = re.findall(r"^\s*(?:HEALTHCHECK.*|CMD|)\s*CMD (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    found += [Use("Dockerfile", _ours(json.loads(array))) for array in arrays]
    for name, service in our_services().items():
        found.append(Use(f"compose.yaml, {name}", tuple(service["command"])))
        if test := service.get("healthcheck", {}).get("test"):
            found.append(Use(f"compose.yaml, {name}", _ours(test[1:])))
    for where, pod in pods():
        for container in pod["containers"]:
            found.append(Use(where, tuple(container["args"])))
            probes = [container[kind] for kind in ("livenessProbe", "readinessProbe") if kind in container]
            found += [Use(where, _ours(probe["exec"]["command"])) for probe in probes]
    return found


def _ours(words: list[str]) -> tuple[str, ...]:
    return tuple(words[1:] if words[0] == "clerk-tasks" else words)


def parse(words: tuple[str, ...]) -> Mapping[str, Any]:
    """Parse a command as the program does, without running it; return its arguments. Raises what the parser raises."""
    command: Any = get_command(cli)
    rest, context = list(words), None
    while True:
        name = rest.pop(0) if context else "clerk-tasks"
        if context:
            command = context.command.get_command(context, name)
            assert command is not None, f"no command {name}"
        context = command.make_context(name, rest, parent=context)
        command = context.command
        if not hasattr(command, "commands"):
            return dict(context.params)
        rest = [*context._protected_args, *context.args]
        if not rest:  # the parser has taken it, so the group does something by itself
            return dict(context.params)
