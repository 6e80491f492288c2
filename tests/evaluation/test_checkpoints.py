import pytest

from grisq import checkpoint
from grisq.evaluation.checkpoints import SHOWN, evaluate_loaded, table
from grisq.evaluation.markdown import markdown
from grisq.runtime.errors import InputError


@pytest.fixture
def loaded(model, reader):
    about = {"preset": {"name": "test"}, "seed": 3, "step": 7, "data": "", "provenance": None}
    return checkpoint.Checkpoint(model, reader.tokenizer, about)


def test_a_report_has_everything_that_a_number_needs(loaded, mini):
    report = evaluate_loaded(loaded, mini, protocols=["rela", "gsva"], precision="bf16", progress=False)
    assert report["precision"] == "bf16"
    assert (report["preset"], report["seed"], report["step"]) == ("test", 3, 7)
    assert report["data"] == mini.content_hash
    assert list(report["results"]) == [split for split in mini.splits if split != "train"]
    assert "samples" not in report
    for split, outcome in report["results"].items():
        assert list(outcome["protocols"]) == ["rela", "gsva"]
        counts = [outcome["protocols"]["rela"][f"n_{name}"] for name in ("no_target", "single", "multi")]
        assert sum(counts) == len(mini.rows(split)) == report["counts"][split]["expressions"]


def test_samples_of_the_splits_that_were_asked_for(loaded, mini):
    report = evaluate_loaded(loaded, mini, splits=["val", "testA"], keep_samples=["val"], progress=False)
    assert report["precision"] == "fp32"  # "auto" on a CPU
    assert list(report["results"]) == ["val", "testA"]
    assert {split: [each["row"] for each in kept] for split, kept in report["samples"].items()} == {
        "val": mini.rows("val").tolist()
    }


def test_a_table_has_a_line_for_each_split_and_protocol(loaded, mini):
    report = evaluate_loaded(loaded, mini, splits=["val"], protocols=["rela", "original"], progress=False)
    frame = table(report)
    assert frame.index.tolist() == [("val", "rela"), ("val", "original")]
    assert frame.columns.tolist() == [*SHOWN, "no_target", "single", "multi"]
    metrics = report["results"]["val"]["protocols"]["original"]
    assert frame.loc[("val", "original"), "gIoU"] == pytest.approx(metrics["gIoU"], abs=0.005)
    lines = markdown(frame.reset_index()).splitlines()
    assert lines[0].startswith("| split | protocol | gIoU |")
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"precision": "fp16"}, "precision cannot be 'fp16'"),
        ({"protocols": ["reala"]}, "no protocol 'reala'"),
        ({"splits": ["test"]}, "no split 'test'"),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(loaded, mini, options, sentence):
    with pytest.raises(InputError, match=sentence):
        evaluate_loaded(loaded, mini, progress=False, **options)
