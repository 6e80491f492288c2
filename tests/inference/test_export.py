"""An exported model says the same as the model it was made of, in programs that do not know grisq."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import resources

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from grisq import checkpoint
from grisq.data.sample import collate, normalize
from grisq.inference.export import Exported, export
from grisq.inference.segmenter import Segmenter
from grisq.models.registry import build_model
from grisq.runtime.errors import InputError

FOREIGN = """
import json, sys
import numpy as np, onnxruntime
from PIL import Image
from tokenizers import Tokenizer

folder, picture, text, out = sys.argv[1:]
about, tokenizer = json.load(open(folder + "/model.json")), Tokenizer.from_file(folder + "/tokenizer.json")
session = onnxruntime.InferenceSession(folder + "/" + about["file"])
photograph, side = Image.open(picture).convert("RGB"), about["side"]
scale = side / max(photograph.size)
width, height = (max(1, round(length * scale)) for length in photograph.size)
images, valid = np.zeros((1, 3, side, side), np.uint8), np.zeros((1, side, side), bool)
pixels = np.asarray(photograph.resize((width, height), Image.Resampling.BILINEAR))
images[0, :, :height, :width] = pixels.transpose(2, 0, 1)
valid[0, :height, :width] = True
tokens = np.array([tokenizer.encode(text).ids])
found = dict(zip(about["outputs"], session.run(None, {
    "images": images, "valid": valid, "tokens": tokens, "token_mask": tokens >= 0})))
assert not {"torch", "grisq"} & set(sys.modules)
np.savez(out, **found)
"""


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    model = trained()
    return model, export(model, tmp_path_factory.mktemp("exported") / "onnx")


def inputs(reader, rows):
    """Batches as an exported model takes them."""
    batch = collate([reader.read(row) for row in rows], reader.tokenizer.pad_id)
    return {"images": batch.images, "valid": batch.valid, "tokens": batch.tokens, "token_mask": batch.token_mask}


def ours(model, given):
    """The model's own answers to the same batch."""
    with torch.inference_mode():
        image = normalize(given["images"], given["valid"])
        return model(image, given["valid"], given["tokens"], given["token_mask"])


@pytest.mark.parametrize("rows", [[0], [1, 2, 3]], ids=["one sample", "three samples"])
def test_onnx_equals_the_model_for_any_batch_and_length(written, reader, rows):
    model, folder = written
    given = inputs(reader, rows)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    found = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
    expected = ours(checkpoint.load(model).model.eval(), given)
    difference = expected.mask_logits[:, 1] - expected.mask_logits[:, 0]
    for mine, theirs in zip(found, (difference, *(x.softmax(-1)[:, 1] for x in expected_heads(expected)))):
        np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-4, rtol=1e-3)


def expected_heads(output):
    return output.presence_logits, output.plurality_logits


def test_a_program_without_torch_and_grisq_gives_the_same_mask(written, mini, tmp_path):
    model, folder = written
    expression = mini.expression(0)
    picture = mini.image_path(expression.image_id)
    arguments = [sys.executable, "-c", FOREIGN, folder, picture, expression.text, tmp_path / "found.npz"]
    subprocess.run([str(part) for part in arguments], check=True)
    found = np.load(tmp_path / "found.npz")
    expected = Segmenter.from_pretrained(model, device="cpu")(picture, expression.text)
    assert found["presence"][0] == pytest.approx(expected.presence, abs=1e-4)
    assert found["plurality"][0] == pytest.approx(expected.plurality, abs=1e-4)
    width, height = Image.open(picture).size
    scale = 64 / max(width, height)
    crop = torch.from_numpy(found["difference"][0, : round(height * scale), : round(width * scale)])
    resized = torch.nn.functional.interpolate(crop[None, None], (height, width), mode="bilinear")[0, 0]
    assert ((resized > 0).numpy() == expected.raw_mask).mean() > 0.999


@pytest.mark.slow
def test_torch_export_too_and_without_heads_where_there_are_none(trained, reader, tmp_path):
    model = trained(system="lavt")
    folder = export(model, tmp_path / "pt2", form="pt2")
    assert json.loads((folder / "model.json").read_text(encoding="utf-8"))["outputs"] == ["difference"]
    assert export(model, folder, form="pt2") == folder  # an older export is replaced
    (folder / "notes.txt").touch()
    with pytest.raises(InputError, match="already holds something else"):
        export(model, folder, form="pt2")
    given = inputs(reader, [0, 1, 2])
    found = torch.export.load(folder / "model.pt2").module()(*given.values())
    expected = ours(checkpoint.load(model).model.eval(), given).mask_logits
    torch.testing.assert_close(found["difference"], expected[:, 1] - expected[:, 0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("changes", [{}, {"system": "lavt"}, {"target_query": False, "plurality": False}], ids=str)
def test_attention_over_the_words_where_there_is_a_target_query(model_config, reader, changes):
    torch.manual_seed(1)
    model = build_model(replace(model_config, **changes)).eval()
    given = inputs(reader, [0, 1])
    with torch.inference_mode():
        found = Exported(model, word_attention=True)(**given)
        assert ("word_attention" in found) == (not changes)
        if not changes:
            image = normalize(given["images"], given["valid"])
            expected = model(image, *list(given.values())[1:], need_weights=True).attention[0]
            torch.testing.assert_close(found["word_attention"], expected)
            assert found["word_attention"].shape == given["tokens"].shape
        assert "word_attention" not in Exported(model)(**given)


def test_the_web_page_reads_nothing_that_model_json_lacks(written):
    programs = resources.files("grisq.inference.web").joinpath("static")
    text = "".join(file.read_text(encoding="utf-8") for file in programs.iterdir() if file.name.endswith(".js"))
    read = set(re.findall(r"\babout\.(\w+)", text))
    for names in re.findall(r"\{([^{}]*)\} = this\.about", text):
        read |= {name.split(":")[0].strip() for name in names.split(",")}
    assert {"side", "max_tokens", "end_id", "least_share", "length"} <= read
    assert read <= json.loads((written[1] / "model.json").read_text(encoding="utf-8")).keys()


def test_what_cannot_be_written_is_said(trained, written, tmp_path, monkeypatch):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    with pytest.raises(InputError, match="already holds something else"):
        export(written[0], tmp_path / "taken")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "model.json").write_text('{"weights": "w.bin"}', encoding="utf-8")
    with pytest.raises(InputError, match="already holds something else"):
        export(written[0], tmp_path / "foreign")
    with pytest.raises(InputError, match="choose onnx or pt2"):
        export(written[0], tmp_path / "out", form="tflite")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"grisq\[export\]"):
        export(written[0], tmp_path / "out")
