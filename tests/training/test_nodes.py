"""Two processes as on two nodes: where the run's folder is shared they resume together, where not both refuse."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from grisq import checkpoint
from grisq.config import to_dict
from grisq.training.history import read_history
from grisq.training.trainer import train

SCRIPT = """
import json, os, sys
from pathlib import Path
from grisq.config import Preset, from_dict
from grisq.data import grefcoco
from grisq.runtime.errors import InputError
from grisq.training.trainer import train
preset, root, run, stop = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
preset = from_dict(Preset, json.loads(preset.read_text()))
run = Path(run.replace("RANK", os.environ["RANK"]))
try:
    train(preset, grefcoco.load(root), run, stop_at=stop, device="cpu", progress=False)
except InputError as error:
    print("refused:", error)
"""


@pytest.fixture
def start(small, mini_root, tmp_path):
    """Run the script in two processes with run folders of this name; returns what each printed."""
    (tmp_path / "preset.json").write_text(json.dumps(to_dict(small)), encoding="utf-8")

    def call(run, stop):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = str(probe.getsockname()[1])
        processes = []
        for rank in ("0", "1"):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}
            place |= {"MASTER_PORT": port, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
            command = [sys.executable, "-c", SCRIPT, tmp_path / "preset.json", mini_root, str(run), str(stop)]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | place))
        return [process.communicate(timeout=120)[0] for process in processes]

    return call


def test_two_nodes_resume_together_only_where_both_see_the_checkpoint(start, small, mini, tmp_path):
    own, nodes = tmp_path / "nodeRANK", [tmp_path / "node0", tmp_path / "node1"]
    train(small, mini, nodes[0], stop_at=2, device="cpu", progress=False)
    for printed in start(own, 6):
        assert printed.count("refused:") == 1
        assert "resumes from step 2" in printed
        assert "which process 1 does not see: put the run's folder on a disk that all nodes share" in printed
    assert checkpoint.load(nodes[0]).about["step"] == 2  # nothing was trained on
    shutil.copytree(nodes[0], nodes[1])
    config = nodes[1] / "last" / checkpoint.CONFIG
    of_another_step = config.read_text(encoding="utf-8").replace('"step": 2', '"step": 1')
    config.write_text(of_another_step, encoding="utf-8")
    for printed in start(own, 6):
        assert "process 1 does not see" in printed
    assert not any("refused" in printed for printed in start(nodes[0], 6))
    assert checkpoint.load(nodes[0]).about["step"] == 6
    assert [record["step"] for record in read_history(nodes[0], "eval")] == [3, 6]


def test_a_refusal_of_process_0_is_everybodys(start, small, mini, tmp_path):
    train(small, mini, tmp_path / "run", stop_at=1, device="cpu", progress=False)
    other = replace(small, train=replace(small.train, lr=0.5))
    (tmp_path / "preset.json").write_text(json.dumps(to_dict(other)), encoding="utf-8")
    for printed in start(tmp_path / "run", 6):
        assert "refused:" in printed
        assert "train.lr = 0.001, not 0.5" in printed
