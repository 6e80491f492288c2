"""Experiments end to end on a few pictures: trained, measured, found again, resumed, reported when they fail."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from grisq.config import LAVTConfig, Preset, ReLAConfig, TrainConfig
from grisq.evaluation.protocols import DIAGNOSTICS
from grisq.experiments import queue, results
from grisq.experiments.comparison import tallies
from grisq.experiments.measure import STORED
from grisq.experiments.queue import Job, run_experiments
from grisq.experiments.results import SCHEMA, load, path_of
from grisq.experiments.selection import collect
from grisq.runtime.errors import InputError
from grisq.training.history import read_history


@pytest.fixture(scope="module")
def small(model_config):
    model = replace(model_config, lavt=LAVTConfig(hidden=8), rela=ReLAConfig(regions=3, layers=1, feedforward=16))
    train = TrainConfig(batch=4, steps=4, lr=1e-3, lr_backbone=1e-3, eval_every=2, eval_samples=8, workers=0)
    return Preset(name="test", data=None, model=model, train=replace(train, checkpoint_every=2))


@pytest.fixture(scope="module")
def places(small, mini, tmp_path_factory):
    """Three systems of Table 1, one seed, two at once."""
    folder = tmp_path_factory.mktemp("experiments")
    where = {"runs": folder / "runs", "out": folder / "results"}
    run_experiments(["lavt", "rela", "ours"], small, mini, jobs=2, device="cpu", progress=False, **where)
    return where


def test_every_result_says_what_it_is(places, small, mini):
    found = collect(places["out"], "test")
    assert set(found) == {("lavt", 0), ("rela", 0), ("ours", 0)}
    for result in found.values():
        assert result.data == mini.content_hash
        assert result.step == 4
        assert result.settings["model"]["image_size"] == 64
        assert set(result.results) == {"val", "testA", "testB"}
        for outcome in result.results.values():
            assert set(outcome["protocols"]) == {*STORED, *DIAGNOSTICS}
        assert result.history["eval"]["step"] == [2, 4]
        assert result.cost.seconds > 0
        assert result.cost.peak_mb > 100
        assert result.trained["torch_threads"] == 1
        assert result.counts["train"]["expressions"] == len(mini.rows("train"))


@pytest.mark.parametrize("name", ["lavt", "rela", "ours"])
@pytest.mark.parametrize(("rule", "protocol"), [("head", "rela"), ("pixels", "rela-pixels"), ("truth", "rela-truth")])
def test_stored_samples_give_the_stored_metrics(places, name, rule, protocol):
    """Scores recomputed from pixel counts and probabilities, added up per picture, against the evaluation's own."""
    from grisq.evaluation.metrics import metrics_of

    found = collect(places["out"], "test")
    for split in ("val", "testA", "testB"):
        sums = tallies(found, f"{name}@{rule}", split).sum(axis=1)[0]
        wanted = found[name, 0].metrics(split, protocol)
        for metric, value in metrics_of(sums).items():
            np.testing.assert_allclose(value, wanted[metric], rtol=1e-9)


def test_examples_are_the_same_expressions_for_every_system(places, mini):
    from grisq.data.masks import decode

    found = collect(places["out"], "test")
    texts = [[example.text for example in result.examples] for result in found.values()]
    assert texts[0] == texts[1] == texts[2]
    kinds = [min(int(mini.target_counts[example.row]), 2) for example in found["ours", 0].examples]
    assert set(kinds) == {0, 1, 2}
    for example in found["rela", 0].examples:
        assert decode(example.mask).shape == mini.mask(example.row).shape
    assert found["lavt", 0].examples[0].presence is None


def test_a_finished_run_is_found_and_not_trained_again(places, small, mini, capsys):
    path = path_of(places["out"], "test", "ours", 0)
    before = path.stat().st_mtime_ns
    run_experiments(["ours"], small, mini, device="cpu", progress=False, **places)
    assert "finished before" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == before


def test_a_result_with_other_settings_is_not_taken_for_this_one(places, small, mini):
    other = replace(small, train=replace(small.train, lr=0.5))
    with pytest.raises(InputError, match=r"another train\.lr.*--fresh"):
        run_experiments(["ours"], other, mini, device="cpu", progress=False, **places)


def test_a_run_does_not_depend_on_what_runs_beside_it(places, small, mini, tmp_path):
    run_experiments(["ours"], small, mini, jobs=1, device="cpu", progress=False, runs=tmp_path / "runs", out=tmp_path)
    alone, beside = load(path_of(tmp_path, "test", "ours", 0)), load(path_of(places["out"], "test", "ours", 0))
    assert alone.results == beside.results
    assert alone.samples == beside.samples
    losses = [result.history["train"]["loss"] for result in (alone, beside)]
    assert losses[0] == losses[1]


def test_a_killed_run_resumes_where_it_was(small, mini, tmp_path):
    long = replace(small, train=replace(small.train, steps=60, eval_every=1000, checkpoint_every=5))
    job = Job("query", 1, long, mini.root, tmp_path / "runs", tmp_path, device="cpu")
    run = job.run
    described = job.write(tmp_path / "job.json")
    process = subprocess.Popen([sys.executable, "-m", "grisq", "experiments", "job", str(described)])
    deadline = time.monotonic() + 120
    while not (run / "last").is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = json.loads((run / "last" / "config.json").read_text(encoding="utf-8"))["about"]["step"]
    assert 0 < done < 60
    run_experiments(
        ["query"], long, mini, seeds=[1], device="cpu", progress=False, runs=tmp_path / "runs", out=tmp_path
    )
    assert load(path_of(tmp_path, "test", "query", 1)).step == 60
    steps = [record["step"] for record in read_history(run, "train")]
    assert steps == sorted(set(steps))


def test_a_failed_run_is_told_by_its_last_words_and_the_others_finish(small, mini, tmp_path):
    """A file stands where the folder of one run belongs."""
    where = {"runs": tmp_path / "runs", "out": tmp_path / "results"}
    (where["runs"] / "test").mkdir(parents=True)
    (where["runs"] / "test" / "query-seed0").touch()
    with pytest.raises(InputError, match=r"query-seed0 failed: .*query-seed0.*query-seed0\.log"):
        run_experiments(["query", "ours"], small, mini, jobs=1, device="cpu", progress=False, **where)
    assert not path_of(where["out"], "test", "query", 0).exists()
    assert path_of(where["out"], "test", "ours", 0).exists()


def test_a_job_reads_back_the_same_and_a_broken_one_is_named(small, tmp_path):
    job = Job("ours", 3, small, tmp_path / "data", tmp_path / "runs", tmp_path / "out", fresh=True, device="cpu")
    assert Job.read(job.write(job.description)) == job
    with pytest.raises(InputError, match=r"none\.json describes no run"):
        Job.read(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text(job.description.read_text(encoding="utf-8").replace('"seed": 3', '"seed": "x"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.json describes no run .*seed"):
        Job.read(broken)


@pytest.mark.parametrize(
    ("gpu", "jobs", "asked", "threads"),
    [
        (False, 1, {}, "1"),
        (False, 2, {}, "1"),
        (False, 1, {"threads": 3}, "3"),
        (True, 2, {}, "1"),
        (True, 1, {}, None),
    ],
)
def test_every_run_has_its_threads_unless_it_is_alone_on_a_gpu(
    small, mini, tmp_path, monkeypatch, gpu, jobs, asked, threads
):
    """One by default. A GPU does not give several processes more CPU cores."""
    seen = []

    class Process:
        returncode = 0

        def __init__(self, command, env, **_):
            seen.append(env.get("NUMBA_NUM_THREADS"))

        def poll(self):
            return 0

    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(subprocess, "Popen", Process)
    where = {"runs": tmp_path / "runs", "out": tmp_path / "results"}
    run_experiments(["query", "ours"], small, mini, jobs=jobs, progress=False, **asked, **where)
    assert seen == [threads, threads]


def test_two_processes_share_every_run_and_give_the_result_of_one(places, small, mini_root, mini, tmp_path):
    """Both measure: nobody waits for a process that has gone to the next run."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    where = {"runs": tmp_path / "runs", "out": tmp_path / "results"}
    job = Job("ours", 0, small, mini_root, where["runs"], where["out"], device="cpu").write(tmp_path / "job.json")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launcher, script, job, "ours", "query"],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = collect(where["out"], "test")
    assert set(found) == {("ours", 0), ("query", 0)}
    one, two = collect(places["out"], "test")["ours", 0], found["ours", 0]
    for split in ("val", "testA", "testB"):
        assert two.samples[split].row == one.samples[split].row == mini.rows(split).tolist()
        assert two.samples[split].annotated == one.samples[split].annotated
        assert two.metrics(split)["n_single"] == one.metrics(split)["n_single"]
    again = subprocess.run([*launcher, script, job, "ours"], capture_output=True, text=True, timeout=300)
    assert again.stdout.count("finished before") == 1, again.stderr[-3000:]


SCRIPT = """
import sys
from pathlib import Path
from grisq.data import grefcoco
from grisq.experiments.queue import Job, run_experiments
job = Job.read(Path(sys.argv[1]))
run_experiments(
    sys.argv[2:], job.preset, grefcoco.load(job.data), runs=job.runs, out=job.out, device=job.device, progress=False
)
"""


def test_broken_results_are_named(tmp_path, places):
    path = path_of(places["out"], "test", "ours", 0)
    with pytest.raises(InputError, match="is missing"):
        load(tmp_path / "nothing.json")
    broken = tmp_path / "broken.json"
    broken.write_text(path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": "zero"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.json is not a result .*seed"):
        load(broken)
    broken.write_text(path.read_text(encoding="utf-8").replace(f'"schema": {SCHEMA}', '"schema": 99'), encoding="utf-8")
    with pytest.raises(InputError, match="schema 99"):
        load(broken)


def test_saved_results_read_back_the_same_and_are_written_compactly(places, tmp_path):
    path = path_of(places["out"], "test", "rela", 0)
    result = load(path)
    assert load(results.save(result, tmp_path)) == result
    assert results.save(result, tmp_path).read_bytes() == path.read_bytes()
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if '"predicted"' in line)
    assert line.count(",") >= len(result.samples["val"].predicted) - 1


def test_first_seeds_come_first_and_a_run_has_the_seeds_of_its_tables():
    names = ["baseline-lr0.0006", "baseline", "ours-level3"]
    order = queue._in_order(names, None)
    assert order[:3] == [(0, name) for name in names]
    assert order[3:] == [
        (1, "baseline"), (1, "ours-level3"), (2, "baseline"), (2, "ours-level3"), (3, "baseline"), (4, "baseline")
    ]  # fmt: skip
    assert queue._in_order(["baseline"], [7, 3]) == [(7, "baseline"), (3, "baseline")]
