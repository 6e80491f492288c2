"""The GPU check on a machine without GPU: its dry mode and its time limits."""

import json
import os
import subprocess
import sys

import pytest

from grisq.runtime.paths import ROOT

SCRIPTS = ROOT / "scripts" / "gpu"
PHASES = ("probe", "tests", "step", "systems", "graphs", "train", "compile")


def run(arguments: list[str]) -> subprocess.CompletedProcess:
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    environment = os.environ | one_thread | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(SCRIPTS)])}
    return subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", env=environment)


@pytest.mark.slow
def test_the_dry_mode_runs_every_phase(tmp_path):
    done = run([str(SCRIPTS / "check.py"), "--dry", "--out", str(tmp_path)])
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["dry"]
    assert {name: phase["status"] for name, phase in results["phases"].items()} == dict.fromkeys(PHASES, "done")
    assert not [line for phase in results["phases"].values() for line in phase["lines"] if "FAILED" in line]
    assert any(line.startswith("1 passed") for line in results["phases"]["tests"]["lines"])
    step = results["phases"]["step"]
    assert step["paper 2, grid_sample"]["ms"] > 0
    assert step["paper 2, fused attention"]["ms"] > 0
    assert step["paper 2"]["ms"] > 0
    ours = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))["ours"]
    assert 0 <= ours["protocols"]["rela"]["gIoU"] <= 100
    assert ours["samples"]
    assert ours["steps"] == 2


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    import check

    yield check
    for name in set(sys.modules) - before:
        if str(SCRIPTS) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


WRITER = """
import json, sys, time
json.dump({"lines": ["half"], "status": "done"}, open(sys.argv[1], "w"))
if sys.argv[2] == "hang": time.sleep(60)
sys.exit(int(sys.argv[2]))
"""


@pytest.mark.parametrize(("end", "status"), [("0", "done"), ("3", "exit status 3"), ("hang", "time limit")])
def test_a_phase_that_ends_badly_costs_itself_alone(check, tmp_path, end, status):
    findings = tmp_path / "found.json"
    command = [sys.executable, "-c", WRITER, str(findings), end]
    found = check.watch(command, findings, tmp_path / "log.txt", 3)
    assert found["status"] == status
    assert found["lines"] == ["half"]
    assert found["seconds"] < 10


def test_a_phase_that_finds_nothing_has_failed(check, tmp_path):
    found = check.watch([sys.executable, "-c", ""], tmp_path / "found.json", tmp_path / "log.txt", 10)
    assert found["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--phases", "probe,sleep"], "there is no phase sleep"), ([], "There is no NVIDIA GPU here")],
)
def test_a_call_that_cannot_work_ends_in_one_sentence(arguments, message, monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = run([str(SCRIPTS / "check.py"), *arguments])
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_phases():
    assert ",".join(PHASES) in run([str(SCRIPTS / "check.py"), "--help"]).stdout
