"""The project can be installed on every system and Python that it names: its requirements resolve to wheels.

Only metadata are fetched, never a package. Skipped where no index answers.
"""

import os
import subprocess
import tomllib
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from uv import find_uv_bin

from grisq.runtime.paths import ROOT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "Windows": "x86_64-pc-windows-msvc",
    "macOS": "aarch64-apple-darwin",
}
NO_WHEELS = {  # system -> a package without wheels for it
    "Intel Macs": ("x86_64-apple-darwin", "torch"),  # the last ones were of torch 2.2
    "Windows on ARM": ("aarch64-pc-windows-msvc", "torch"),
    "Alpine Linux": ("x86_64-unknown-linux-musl", "torch"),
}
MACOS = "14.0"  # the oldest that torch 2.13 is built for


def compile_(requirements: str, python: str, platform: str) -> subprocess.CompletedProcess:
    """Resolve requirements, one a line, for a system and a Python, within the project's tested versions."""
    command = [find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-build", "--no-header", "--no-annotate"]
    command += ["--python-version", python, "--python-platform", platform, "--no-python-downloads", "--no-config"]
    command += ["--constraints", str(ROOT / "constraints.txt")]
    return subprocess.run(
        command,
        input=requirements,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS},
    )


@pytest.fixture(scope="module")
def resolutions() -> dict[tuple[str, str], Future]:
    """Every pair of system and Python, all at once: a resolution mostly waits for the index."""
    if compile_("tqdm", "3.12", SYSTEMS["Linux x86-64"]).returncode:
        pytest.skip("no package index answers")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = "\n".join(project["dependencies"])
    pairs = [(platform, python) for platform in SYSTEMS.values() for python in PYTHONS]
    pairs += [(platform, "3.12") for platform, _ in NO_WHEELS.values()]
    with ThreadPoolExecutor(8) as pool:
        yield {pair: pool.submit(compile_, wanted, pair[1], pair[0]) for pair in pairs}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_there_are_wheels_of_every_dependency(resolutions, system, python):
    found = resolutions[SYSTEMS[system], python].result()
    assert found.returncode == 0, found.stderr
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    torch = next(line for line in pinned if line.startswith("torch=="))
    assert torch in found.stdout.splitlines()


@pytest.mark.parametrize("system", NO_WHEELS)
def test_systems_without_wheels_are_these_for_this_reason(resolutions, system):
    """docs/troubleshooting.md names them; a resolution that succeeds one day makes this fail, so that it is changed."""
    platform, package = NO_WHEELS[system]
    found = resolutions[platform, "3.12"].result()
    assert found.returncode != 0
    assert package in found.stderr
    assert "wheels" in found.stderr
