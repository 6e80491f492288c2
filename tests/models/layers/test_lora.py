"""Low-rank adaptation: nothing at the start, the merged matrix later, and nothing else that learns."""

import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel

from grisq.models.layers.lora import LoRALinear, add_lora


def test_at_the_start_it_is_the_layer_itself():
    linear, x = nn.Linear(5, 4), torch.randn(3, 5)
    torch.testing.assert_close(LoRALinear(linear, 2)(x), linear(x))


def test_merged_and_unmerged_are_the_same():
    lora = LoRALinear(nn.Linear(5, 4), 2, dropout=0.0)
    nn.init.normal_(lora.up)
    x = torch.randn(3, 5)
    torch.testing.assert_close(lora(x), x @ (lora.weight + lora.scale * lora.up @ lora.down).T + lora.bias)


def test_the_first_step_moves_the_second_matrix_alone():
    lora = LoRALinear(nn.Linear(5, 4), 2)
    lora(torch.randn(3, 5)).square().sum().backward()
    assert lora.up.grad.any()
    assert not lora.down.grad.any()


def test_of_a_llama_only_words_and_corrections_learn():
    llama = LlamaModel(
        LlamaConfig(vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2)
    )
    names = set(llama.state_dict())
    add_lora(llama, 3)
    learns = {name for name, parameter in llama.named_parameters() if parameter.requires_grad}
    corrections = {
        f"layers.{i}.self_attn.{name}_proj.{matrix}" for i in range(2) for name in "qv" for matrix in ("up", "down")
    }
    assert learns == corrections | {"embed_tokens.weight"}
    assert set(llama.state_dict()) == names | corrections  # the names of the weights themselves stay
