"""What a release carries, and how it is deployed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "api", "worker", "worker-gpu")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_compose_has_the_services_of_production(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "redis", *OURS}
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]
    devices = compose["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    assert all("profiles" not in service for name, service in compose["services"].items() if name != "worker-gpu")


def test_compose_gives_no_secret_a_default(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY", variable):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{name}: {variable} must be given by the operator"
            assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{name}: {variable} carries a password in an address"
    assert "${POSTGRES_PASSWORD:?" in compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert "${ERLANGEN_API_KEYS:?" in compose["services"]["api"]["environment"]["ERLANGEN_API_KEYS"]


def test_only_the_api_is_published_and_only_on_this_machine(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])
    assert compose["networks"]["inside"]["internal"] is True
    for name, service in compose["services"].items():
        assert service["networks"] == (["inside", "outside"] if name == "api" else ["inside"])


def test_containers_start_in_order_and_are_watched(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in ("postgres", "redis", "worker", "worker-gpu"):
        assert services[name]["healthcheck"]["test"], name
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    for name in ("api", "worker", "worker-gpu"):
        conditions = {needed: on["condition"] for needed, on in services[name]["depends_on"].items()}
        assert conditions == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }


def test_containers_have_no_more_rights_than_they_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    for name in ("postgres", "redis"):
        assert compose["services"][name]["user"] == name


def test_data_lies_in_named_volumes(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"], f"{name} mounts {volume}"


def test_one_image_serves_every_role_and_none_as_root(compose: dict[str, Any]) -> None:
    assert len({compose["services"][name]["image"] for name in OURS}) == 1
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    final = lines[stages[-1] :]
    assert len(stages) >= 2
    assert [line for line in final if line.startswith("USER ")][-1] not in ("USER root", "USER 0")
    assert any(line.startswith("HEALTHCHECK ") for line in final)
    assert any(line.startswith('ENTRYPOINT ["') for line in final), "the exec form, so that signals arrive"


def test_constraints_pin_exact_versions_and_name_no_place() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    pinned = {re.sub("[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    service, client = (
        tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (ROOT, ROOT / "client")
    )
    extras = [requirement for extra in service["optional-dependencies"].values() for requirement in extra]
    wanted = service["dependencies"] + extras + client["dependencies"]
    names = {re.sub("[-_.]+", "-", re.split(r"[\[<>=~! ]", requirement)[0]).lower() for requirement in wanted}
    assert names - pinned == {client["name"]}, "all but our own are pinned"
    assert {"torch", "rich", "pydantic"}.isdisjoint(client["dependencies"])


def test_the_client_that_lies_here_is_installed_with_the_service() -> None:
    """No index knows the client: whatever installs the service names the folder of the client in the same call."""
    installs = {
        "Makefile": r"\$\(PIP\) .*\.",
        "Dockerfile": r"pip install --no-deps .*\.",
        "README.md": r"pip install -c .*\.",
        "constraints.txt": r"pip install -c .*\.",
    }
    for name, install in installs.items():
        lines = [line for line in (ROOT / name).read_text().splitlines() if re.search(install, line)]
        assert lines, name
        assert all(" ./client " in line for line in lines), name


@pytest.mark.slow
def test_the_wheel_carries_pages_demo_data_and_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, timeout=240)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("app/web", "app/demo", "migrations"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert str(path.relative_to(ROOT)) in names
    assert not any(name.startswith("tests/") for name in names)
