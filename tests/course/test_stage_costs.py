import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from grisq import config
from grisq.course.stage_costs import stage_costs
from grisq.models.layers.swin import run_blocks
from grisq.pretraining.trunks import SwinTrunk


@pytest.mark.parametrize("name", ["tiny", "small", "paper"])
def test_costs_are_those_that_torch_counts(name):
    sizes = config.preset(name).model
    with torch.device("meta"):
        trunk = SwinTrunk(sizes.swin, sizes.image_size)
        x = trunk.patch_embed(torch.empty(1, 3, sizes.image_size, sizes.image_size))
    costs = stage_costs(sizes)
    for part, (_, line) in zip(trunk.layers, costs.iterrows(), strict=True):
        x = part.downsample(x)
        with FlopCounterMode(display=False) as counter:
            x = run_blocks(part.blocks, x, None)
        assert line["map"] == f"{x.shape[1]}×{x.shape[2]}"
        assert line["C"] == x.shape[3]
        assert 2e9 * line["in windows, G"] == pytest.approx(counter.get_total_flops())  # a multiplication, an addition


def test_full_attention_is_a_window_as_large_as_the_map():
    costs = stage_costs(config.preset("tiny").model)
    assert costs.loc[4, "in windows, G"] == costs.loc[4, "full attention, G"]
    assert costs.loc[1, "in windows, G"] < costs.loc[1, "full attention, G"]


def test_half_of_swin_b_is_shifted():
    costs = stage_costs(config.preset("paper").model)
    assert costs["blocks"].tolist() == [2, 2, 18, 2]
    assert (2 * costs["shifted"] == costs["blocks"]).all()
