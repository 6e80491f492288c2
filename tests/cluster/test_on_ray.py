"""Ray on loopback with two workers: the same answers and counts as one process, also if a worker is killed."""

import json
import os
import signal

import pytest
from typer.testing import CliRunner

from grisq import checkpoint
from grisq.cli.main import app
from grisq.evaluation import score
from grisq.evaluation.scoring import measurements
from grisq.evaluation.scoring.score import measure, rules_of
from grisq.inference.on_ray import Answers, Counts, gpus_for, over_shards
from grisq.inference.split_answers import answer_splits
from grisq.runtime.errors import InputError

OPTIONS = {"splits": ["val"], "batch": 4, "device": "cpu"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers on this machine."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture
def packed(model, reader, tmp_path, with_large_weights):
    with_large_weights(model)
    folder = tmp_path / "model"
    folder.mkdir()
    about = {"preset": {"name": "t"}, "seed": 0, "step": 1, "provenance": None}
    checkpoint.write(folder, model, reader.tokenizer, about)
    return folder


def run(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception:
        raise result.exception


def test_answers_and_counts_are_those_of_one_process(cluster, packed, mini, mini_root, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    path = answer_splits(checkpoint.load(packed), mini, whole, progress=False, **OPTIONS)
    found = over_shards(Answers(str(packed), str(mini_root), str(parts), OPTIONS), shards=3, workers=2)
    assert "".join(each.read_text() for each in found) == path.read_text()
    make = Counts(str(parts), str(mini_root), str(tmp_path / "counts"), tuple(rules_of(["rela"])), {})
    (tmp_path / "counts").mkdir()
    merged = measurements.merge([measurements.read(each) for each in over_shards(make, shards=3, workers=2)])
    assert (
        score([str(each) for each in sorted((tmp_path / "counts").glob("*.parquet"))], mini).splits
        == score(whole, mini, progress=False).splits
    )
    assert merged.row.tolist() == measure(whole, mini, protocols=rules_of(["rela"]), progress=False).row.tolist()


def test_the_commands_do_the_same(cluster, packed, mini, mini_root, tmp_path):
    answers = tmp_path / "answers"
    model = ("--model", packed, "--split", "val", "--device", "cpu", "--batch", "4")
    run("predict-many", "--data", mini_root, "--out", answers, "--ray", "2", "--shards", "3", *model)
    run("score", answers, "--data", mini_root, "--ray", "2", "--out", tmp_path / "row.json")
    whole = tmp_path / "whole"
    answer_splits(checkpoint.load(packed), mini, whole, progress=False, **OPTIONS)
    splits = json.loads(score(whole, mini, progress=False).to_json())["splits"]
    assert json.loads((tmp_path / "row.json").read_text())["splits"] == splits
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers", "model", "row.json", "whole"]


def test_a_cluster_without_gpus_says_so(cluster):
    assert gpus_for("auto", 2) == gpus_for("cpu", 2) == 0
    with pytest.raises(InputError, match="The Ray cluster has no GPU: give --device cpu or auto"):
        gpus_for("cuda", 2)


def dying_once(folder):
    """A work whose second shard kills its own process, the first time."""

    def make():  # local functions travel to Ray's processes as they are; a module of tests cannot be imported there
        def work(shard):
            log = folder / f"{shard.number}.log"
            log.write_text((log.read_text() if log.exists() else "") + "begun\n")
            if shard.number == 2 and log.read_text().count("begun") == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            path = folder / shard.name("done", "txt")
            path.write_text(str(shard.number))
            return path

        return work

    return make


def test_a_killed_worker_costs_its_part_alone(cluster, tmp_path):
    found = over_shards(dying_once(tmp_path), shards=4, workers=2)
    assert [path.read_text() for path in found] == ["1", "2", "3", "4"]
    begun = [(tmp_path / f"{number}.log").read_text().count("begun") for number in (1, 2, 3, 4)]
    assert begun[1] == 2
    assert sum(begun) <= 6  # what the killed process had done and not yet passed on may be done again


def test_our_own_sentence_comes_back_from_a_worker(cluster, mini_root, tmp_path):
    with pytest.raises(InputError, match=r"^[^\n]*nothing[^\n]*holds no checkpoint[^\n]*$"):
        over_shards(Answers(str(tmp_path / "nothing"), str(mini_root), str(tmp_path / "out"), OPTIONS), 2, 2)
