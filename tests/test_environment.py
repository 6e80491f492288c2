"""The project's own files agree with each other about what is installed."""

import re
import tomllib

import yaml
from rattler import MatchSpec

from grisq import __version__
from grisq.runtime.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements):
    return {re.match(r"[\w-]+", line)[0].lower().replace("_", "-") for line in requirements}


def pinned():
    lines = [
        line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    assert all("==" in line for line in lines)
    return dict(line.split("==") for line in lines)


def test_environment_yml_holds_python_and_pip_and_takes_the_rest_from_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert {MatchSpec(spec).name.normalized for spec in conda} == {"python", "pip"}
    assert pip["pip"] == ["-c constraints.txt", "-e .[notebooks,dev,export]"]


def test_every_line_of_environment_yml_says_what_needs_it():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8").split("dependencies:")[1]
    for line in text.splitlines():
        if line.strip().startswith("- ") and not line.strip().endswith("pip:"):
            assert "#" in line, line


def test_every_dependency_has_a_reason_and_a_tested_version():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    tested = names(pinned())
    for requirement in wanted:
        assert re.search(re.escape(f'"{requirement}",') + r"\s+# \w", text), requirement
    assert names(wanted) <= tested


def test_torch_is_pinned_with_its_torchvision():
    assert (pinned()["torch"], pinned()["torchvision"]) == ("2.13.0", "0.28.0")


def test_versions_agree():
    assert PROJECT["version"] == __version__
    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_ignored_folders_are_anchored():
    """`data/` unanchored would ignore the package grisq/data as well."""
    for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines():
        assert line not in ("data/", "data", "runs/", "figures/")
