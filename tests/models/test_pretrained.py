from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from grisq.models.grisq import GRISQ
from grisq.models.layers.swin import build_swin
from grisq.models.pretrained import load_pretrained
from grisq.runtime.errors import InputError


def test_local_swin_weights_are_loaded(model_config, tmp_path):
    trunk = build_swin(model_config.swin, model_config.image_size)
    save_file(trunk.state_dict(), tmp_path / "swin.safetensors")
    config = replace(model_config, swin=replace(model_config.swin, pretrained=str(tmp_path / "swin.safetensors")))
    model = GRISQ(config)
    assert load_pretrained(model, config) == [f"Swin: weights of {tmp_path / 'swin.safetensors'}"]
    for name, weight in trunk.layers.state_dict().items():
        assert torch.equal(model.multimodal_encoder.stages.state_dict()[name], weight)


def test_local_bert_weights_are_loaded_and_give_transformers_own_features(model_config, tmp_path):
    text = model_config.text
    bert = BertModel(
        BertConfig(
            vocab_size=text.vocabulary,
            hidden_size=text.hidden,
            num_hidden_layers=text.layers,
            num_attention_heads=text.heads,
            intermediate_size=text.intermediate,
        )
    ).eval()
    bert.save_pretrained(tmp_path)
    config = replace(model_config, text=replace(text, pretrained=str(tmp_path)))
    model = GRISQ(config).eval()
    load_pretrained(model, config)
    ids, mask = torch.randint(5, 200, (2, 7)), torch.ones(2, 7, dtype=torch.bool)
    expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(model.text_encoder(ids, mask), expected)
    mask[1, 4:] = False
    expected = bert(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(model.text_encoder(ids, mask)[1, :4], expected[1, :4])


@pytest.mark.parametrize("part", ["swin", "text"])
def test_weights_that_cannot_be_had_name_the_setting(model_config, part, tmp_path):
    name = "swin_base_patch4_window12_384.ms_in22k" if part == "swin" else "bert-base-uncased"
    config = replace(model_config, **{part: replace(getattr(model_config, part), pretrained=name)})
    with pytest.raises(InputError, match=rf"model\.{part}\.pretrained=PATH"):
        load_pretrained(GRISQ(config), config)


def test_weights_of_another_size_are_refused(model_config, tmp_path):
    other = build_swin(replace(model_config.swin, embed_dim=32), model_config.image_size)
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    config = replace(model_config, swin=replace(model_config.swin, pretrained=str(tmp_path / "other.safetensors")))
    with pytest.raises(InputError, match="Swin weights"):
        load_pretrained(GRISQ(config), config)
