"""Every system is trained, stopped, resumed, scored, asked and exported by the same code."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from grisq import checkpoint
from grisq.data.sample import Collate
from grisq.evaluation.checkpoints import evaluate_checkpoint
from grisq.inference.export import export
from grisq.inference.segmenter import Segmenter
from grisq.models.registry import SYSTEMS
from grisq.training.trainer import train

CHANGES = {"gsva": {"expressions_per_picture": 2}}


@pytest.fixture(scope="module", params=SYSTEMS)
def trained(request, small, small_systems, mini, tmp_path_factory):
    """A run of six steps, and its name."""
    system = request.param
    swin = replace(small.model.swin, depths=(1, 2, 1, 1))  # an export's seconds are those of its operators
    model = replace(small.model, system=system, swin=swin, blocks=1, **small_systems)
    preset = replace(small, model=model, train=replace(small.train, **CHANGES.get(system, {})))
    root = tmp_path_factory.mktemp(system)
    train(preset, mini, root / "whole", device="cpu", progress=False)
    train(preset, mini, root / "parts", device="cpu", progress=False, stop_at=3)
    train(preset, mini, root / "parts", device="cpu", progress=False)
    return root


def test_a_stopped_training_resumes_bit_for_bit(trained):
    whole, parts = (load_file(trained / run / "last" / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_it_is_scored_on_every_split(trained, mini_root):
    report = evaluate_checkpoint(trained / "whole", mini_root, protocols=["rela", "gsva"], device="cpu", progress=False)
    for outcome in report["results"].values():
        assert 0 <= outcome["protocols"]["rela"]["gIoU"] <= 100


def test_it_answers_about_a_picture(trained):
    segmenter = Segmenter.from_pretrained(trained / "whole", device="cpu")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
    one, other = segmenter(picture, ["the red dog", "two cats"])
    assert one.mask.shape == other.mask.shape == (40, 60)
    assert one.presence is not None


@pytest.mark.slow
def test_it_is_exported_and_answers_as_before(trained, reader, mini, tmp_path):
    loaded = checkpoint.load(trained / "whole" / "last")
    if loaded.model.config.system == "lisa":
        pytest.skip("GSVA is LISA with one more word")
    session = onnxruntime.InferenceSession(export(trained / "whole", tmp_path / "exported") / "model.onnx")
    shapes = {each.name: each.shape for each in session.get_inputs()}
    assert set(shapes) == {"images", "valid", "tokens", "token_mask"}
    rows = sorted(map(int, mini.rows("val")), key=lambda row: len(mini.expression(row).text))
    batch = Collate(reader.tokenizer.pad_id)([reader.read(row) for row in (rows[0], rows[-1])])  # of unequal length
    given = {name: getattr(batch, name) for name in shapes}
    if isinstance(length := shapes["tokens"][1], int):  # a recurrent encoder takes this number alone
        more = (0, length - batch.tokens.shape[1])
        given["tokens"] = F.pad(given["tokens"], more, value=reader.tokenizer.pad_id)
        given["token_mask"] = F.pad(given["token_mask"], more)
    found = session.run(None, {name: each.numpy() for name, each in given.items()})[0]
    with torch.no_grad():
        logits = loaded.model.eval()(*batch.inputs()).mask_logits
    expected, inside = (logits[:, 1] - logits[:, 0]).numpy(), batch.valid.numpy()
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-3, rtol=1e-3)
