from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from grisq import checkpoint
from grisq.config import Preset, TrainConfig
from grisq.inference.release import CARD, CURVE, MEASURED, pack, presence_calibration, presence_text
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json
from grisq.training.trainer import train


@pytest.fixture(scope="module")
def run(mini, model_config, tmp_path_factory):
    config = TrainConfig(batch=4, steps=2, lr=1e-3, lr_backbone=1e-3, eval_every=2, eval_samples=4, workers=0)
    folder = tmp_path_factory.mktemp("runs") / "first"
    train(Preset("mine", None, model_config, train=config), mini, folder, progress=False)
    return folder


def test_a_packed_model_is_half_as_large_and_says_the_same(run, mini_root, tmp_path):
    out = pack(run, tmp_path / "mine", trained_on=mini_root, note="For testing.", progress=False)
    before, after = load_file(run / "last" / checkpoint.WEIGHTS), load_file(out / checkpoint.WEIGHTS)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if tensor.is_floating_point():
            assert after[name].dtype == torch.float16
            torch.testing.assert_close(after[name].float(), tensor, atol=1e-4, rtol=1e-3)
    assert (out / checkpoint.WEIGHTS).stat().st_size < 0.6 * (run / "last" / checkpoint.WEIGHTS).stat().st_size
    loaded, full = checkpoint.load(out).model, checkpoint.load(run).model
    assert next(loaded.parameters()).dtype == torch.float32
    image, tokens = torch.randn(2, 3, 64, 64), torch.randint(5, 100, (2, 6))
    seen = torch.ones_like(tokens, dtype=torch.bool)
    with torch.no_grad():
        one, other = (model(image, None, tokens, seen) for model in (loaded, full))
    torch.testing.assert_close(one.presence_logits, other.presence_logits, atol=0.02, rtol=0.02)
    torch.testing.assert_close(one.mask_logits, other.mask_logits, atol=0.05, rtol=0.05)
    measured = read_json(out / MEASURED)
    assert measured["results"]["val"]["protocols"]["rela"]["n_single"] > 0
    assert "samples" not in measured


def test_the_card_says_what_it_was_trained_on_and_is_not_for(run, mini, mini_root, tmp_path):
    card = (pack(run, tmp_path / "mine", trained_on=mini_root, note="For testing.", progress=False) / CARD).read_text(
        encoding="utf-8"
    )
    assert card.startswith("---\n")  # the part that the hub reads
    assert "\n---\n\n# mine\n\nFor testing.\n" in card
    for fact in (
        mini.content_hash[:12],
        "step 2 of 2",
        "none of which chose the checkpoint",
        "96 expressions about 24 pictures",
        "What it is not for",
        "gIoU",
    ):
        assert fact in card
    assert str(tmp_path) not in card
    assert str(run.parent) not in card


def test_another_data_set_than_the_runs_is_refused(run, tmp_path):
    from grisq.data.synthetic.generate import generate
    from grisq.data.synthetic.specs import SPECS

    other = generate(replace(SPECS["mini"], seed=9), tmp_path / "other", workers=1, progress=False)
    with pytest.raises(InputError, match="was trained on annotations"):
        pack(run, tmp_path / "mine", trained_on=other, progress=False)
    assert not (tmp_path / "mine").exists()


def test_nothing_else_is_replaced_and_nothing_half_done_stays(run, mini_root, tmp_path):
    """A packed model may be packed again; a run, a folder with other things, and an older package survive failures."""
    for out in (run, run.parent, run / "last"):
        with pytest.raises(InputError, match="lie in one another"):
            pack(run, out, trained_on=mini_root, progress=False)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="something else"):
        pack(run, tmp_path, trained_on=mini_root, progress=False)
    out = pack(run, tmp_path / "mine", trained_on=mini_root, note="First.", progress=False)
    with pytest.raises(InputError, match="There is no folder"):
        pack(run, out, trained_on=mini_root, data=tmp_path / "none", note="Second.", progress=False)
    assert "First." in (out / CARD).read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "notes.txt"]
    assert checkpoint.load(run).about["step"] == 2


def test_a_model_of_another_program_is_not_replaced(run, mini_root, tmp_path):
    """README.md and model.safetensors are what every model on the Hugging Face hub has."""
    foreign = tmp_path / "bert"
    foreign.mkdir()
    for name in (CARD, checkpoint.WEIGHTS, checkpoint.CONFIG, MEASURED, "tokenizer.json"):
        (foreign / name).write_text("{}", encoding="utf-8")
        with pytest.raises(InputError, match="something else"):
            pack(run, foreign, trained_on=mini_root, progress=False)
    mine = pack(run, tmp_path / "mine", trained_on=mini_root, progress=False)
    (mine / "thesis.tex").touch()
    with pytest.raises(InputError, match="something else"):
        pack(run, mine, trained_on=mini_root, progress=False)
    (mine / "thesis.tex").unlink()
    assert pack(run, mine, trained_on=mini_root, note="Again.", progress=False) == mine
    assert "Again." in (mine / CARD).read_text(encoding="utf-8")


def test_the_card_and_the_report_say_how_far_presence_can_be_trusted(run, mini, mini_root, tmp_path):
    out = pack(run, tmp_path / "mine", trained_on=mini_root, progress=False)
    found = read_json(out / MEASURED)["calibration"]["val"]
    rows = mini.rows("val")
    assert found["n"] == len(rows) == sum(each["n"] for each in found["bins"])
    assert found["observed"] == pytest.approx((mini.target_counts[rows] > 0).mean())
    card = (out / CARD).read_text(encoding="utf-8")
    assert f"Expected calibration error over 10 bins of equal width: {found['ece']:.1%}" in card
    assert f"]({CURVE})" in card
    assert (out / CURVE).read_bytes().startswith(b"\x89PNG")


def test_presence_is_counted_by_hand_and_what_is_missing_is_said():
    """Three expressions with 0.85, two of them present, and one with 0.05, absent: 3/4 * |0.85 - 2/3| + 1/4 * 0.05."""
    samples = [{"presence": 0.85, "target_count": count} for count in (0, 1, 3)]
    samples.append({"presence": 0.05, "target_count": 0})
    text = presence_text(presence_calibration(samples), has_head=True)
    assert "On the 4 expressions of val the mean predicted probability of a target is 65.0%, and\n50.0%" in text
    assert "equal width: 15.0%" in text
    assert "| 80% to 90% | 3 | 85.0% | 66.7% |" in text
    assert "no expression in val" in presence_text(presence_calibration([]), has_head=True)
    headless = presence_calibration([{"presence": None, "target_count": 1}])
    assert "no presence head" in presence_text(headless, has_head=False)
