"""tests/gpu: the GPU against the CPU, row by row of Table 2."""

import os
import re
import subprocess
import sys

from plan import ROOT, Findings, Plan, threads_each

DRY = "test_the_device_agrees_with_the_cpu and query and padded"  # one case, for the dry mode
TOLD = re.compile(r"FAILED|ERROR|\d+ (passed|failed)")  # beginnings of lines that the summary shows


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Run the tests in processes of their own; everything that pytest prints is in tests.txt."""
    options = ["-q", "-rA", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", str(ROOT / "tests/gpu"), *options, "--rootdir", str(ROOT)]
    command += ["-k", DRY] if plan.dry else ["-n", "6", "--dist", "load"]
    environment = os.environ | threads_each(2) | ({"GRISQ_TEST_DEVICE": "cpu"} if plan.dry else {})
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=limit, cwd=ROOT)
        text = done.stdout + done.stderr
    except subprocess.TimeoutExpired as ended:
        text = (ended.stdout or b"").decode() + "\nFAILED: the time limit was reached"
    (plan.out / "tests.txt").write_text(text, encoding="utf-8")
    for line in text.splitlines():
        if TOLD.match(line):
            findings.note(line[:240])
