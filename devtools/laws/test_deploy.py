"""The files to deploy with fit the program, their formats, and each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator

from clerk.settings import settings, variables
from clerk_tasks.job_types.registry import registry
from devtools.deploy_files import (
    COMPOSE,
    DEPLOY,
    DOCKERFILE,
    MANIFESTS,
    PROGRAM,
    UNITS,
    Use,
    objects,
    our_services,
    parse,
    pods,
    unit,
    uses,
)

#: Variables of other programs.
FOREIGN = {"PATH", "PYTHONUNBUFFERED", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR"}
#: How long a worker may take to end after CLERK_SHUTDOWN_GRACE, in seconds: `up` waits as long.
EXTRA = 30
KEDA = "keda.sh/"


@pytest.mark.parametrize("use", uses(), ids=str)
def test_every_command_is_one_of_ours(use: Use) -> None:
    found = parse(use.words)
    assert set(found.get("pools") or ()) <= set(registry().pools)


@pytest.mark.parametrize("file", ["compose.yaml", "workers.yaml"])
def test_every_pool_has_a_worker(file: str) -> None:
    served = {pool for use in uses() if use.where.startswith(file) for pool in parse(use.words).get("pools") or ()}
    assert served == set(registry().pools)


def environments() -> dict[str, set[str]]:
    """Return the variables that each file sets for our programs."""
    found = {path.name: set(re.findall(r"^(\w+)=", path.read_text(), re.M)) for path in DEPLOY.glob("systemd/*.env*")}
    found["Dockerfile"] = set(re.findall(r"(?:^ENV|(?<=\S)) (\w+)=", "\n".join(env_lines()))) - FOREIGN
    found |= {f"compose.yaml, {name}": set(service["environment"]) for name, service in our_services().items()}
    for name, each in objects():
        if each["kind"] in ("ConfigMap", "Secret"):
            found[name] = {*each.get("data", {}), *each.get("stringData", {})}
    return found


def env_lines() -> list[str]:
    return [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("ENV ")]


def test_every_variable_is_a_setting() -> None:
    found = environments()
    assert len(found) >= 8
    assert {where: names - set(variables()) for where, names in found.items() if names - set(variables())} == {}
    assert all(names for names in found.values())


def test_compose_mounts_the_folders_that_the_variables_name() -> None:
    for name, service in our_services().items():
        mounted = {volume.split(":")[1] for volume in service["volumes"]}
        assert {service["environment"][each] for each in ("STORAGE_DIR", "CLERK_PUBLISH_DIR")} == mounted, name


def test_pods_mount_the_folders_that_the_variables_name() -> None:
    (config,) = [each["data"] for _, each in objects() if each["kind"] == "ConfigMap"]
    claims = {each["metadata"]["name"] for _, each in objects() if each["kind"] == "PersistentVolumeClaim"}
    for where, pod in pods():
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert set(mounts) == {volume["name"] for volume in pod["volumes"]}, where
        if "Deployment" in where or "sites" in mounts:
            assert {config["STORAGE_DIR"], config["CLERK_PUBLISH_DIR"]} <= set(mounts.values()), where
        for volume in pod["volumes"]:
            assert "emptyDir" in volume or volume["persistentVolumeClaim"]["claimName"] in claims


def test_the_image_is_for_one_user_without_rights_who_owns_its_folders() -> None:
    text = DOCKERFILE.read_text()
    (user,) = re.findall(r"^USER (\d+):\d+$", text, re.MULTILINE)
    assert f"--uid {user}" in text
    assert {pod["securityContext"]["runAsUser"] for _, pod in pods()} == {int(user)}
    (folder,) = re.findall(r"STORAGE_DIR=(\S+)", "\n".join(env_lines()))
    (made,) = re.findall(r"install --directory --owner clerk --group clerk (.*) *\\?$", text, re.MULTILINE)
    assert {folder, our_services()["worker"]["environment"]["CLERK_PUBLISH_DIR"]} <= set(made.split())


def test_the_image_is_built_from_what_exists_and_is_not_ignored() -> None:
    lines = (DOCKERFILE.parent / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert [name for name in kept if not (DOCKERFILE.parent / name).exists()] == []
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (DOCKERFILE.parent / name).exists()
        assert name == "." or name.split("/")[0] in kept


def test_running_jobs_have_their_grace_before_a_kill() -> None:
    enough = settings().shutdown_grace + EXTRA
    stops = {path.name: int(unit(path)["TimeoutStopSec"][0]) for path in UNITS if "TimeoutStopSec" in unit(path)}
    stops |= {name: int(service["stop_grace_period"].rstrip("s")) for name, service in our_services().items()}
    stops |= {where: pod["terminationGracePeriodSeconds"] for where, pod in pods() if "livenessProbe" in str(pod)}
    assert len(stops) >= 10
    assert {where: seconds for where, seconds in stops.items() if seconds <= enough} == {}


def test_manifests_refer_to_what_there_is() -> None:
    known = {(each["kind"], each["metadata"]["name"]) for _, each in objects() if "metadata" in each}
    for _, pod in pods():
        for source in pod["containers"][0]["envFrom"]:
            ((kind, reference),) = source.items()
            assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"]) in known
    for _, each in objects():
        if each["kind"] == "ScaledObject":
            assert ("Deployment", each["spec"]["scaleTargetRef"]["name"]) in known
            (trigger,) = each["spec"]["triggers"]
            assert ("TriggerAuthentication", trigger["authenticationRef"]["name"]) in known
        if each["kind"] == "Kustomization":
            assert [name for name in each["resources"] if not (DEPLOY / "kubernetes" / name).is_file()] == []


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_fit_kubernetes(path: Path) -> None:
    for _, each in objects(of=path):
        assert each["apiVersion"]
        if not each["apiVersion"].startswith((KEDA, "kustomize.")):
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_compose_fits_its_specification() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    assert [error.message for error in Draft7Validator(schema).iter_errors(yaml.safe_load(COMPOSE.read_text()))] == []


def test_docker_reads_the_compose_file(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    monkeypatch.setenv("POSTGRES_PASSWORD", "x")
    monkeypatch.setenv("VALKEY_PASSWORD", "x")
    command = [docker, "compose", "--file", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """Return the units as they are installed, with a program that is there."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    for path in UNITS:
        name = path.name.replace("@.", "@ocr.")
        (tmp_path / name).write_text(path.read_text().replace(PROGRAM, "/bin/true"))
    return sorted(tmp_path.iterdir())


def test_systemd_understands_the_units(installed: list[Path]) -> None:
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_services_are_hardened(installed: list[Path]) -> None:
    """The score is systemd's, times ten: 0 is the safest, 100 none; an ordinary service has 96."""
    for path in installed:
        if path.suffix == ".service":
            command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-500:]


def test_units_name_each_other_and_our_program_as_they_are() -> None:
    for path in UNITS:
        for line in unit(path).get("ExecStart", []):
            assert line.split()[0] == PROGRAM
        for name in " ".join(unit(path).get("Conflicts", [])).split():
            assert (DEPLOY / "systemd" / name).is_file()
        if path.suffix == ".timer":
            assert path.with_suffix(".service").is_file()
