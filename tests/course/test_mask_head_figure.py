from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
import torch

from grisq.course.mask_head_figure import mask_head_figure, mask_head_grids
from grisq.models.heads import MaskHead, add_finest_level
from grisq.models.layers.feature_map import FeatureMap


@pytest.fixture(params=["full", "quarter"])
def config(request, model_config):
    return replace(model_config, mask_mlp_at=request.param)


@pytest.fixture
def seen(config):
    """Shapes (H, W, C) of what flows through the mask head of this model, by name."""
    C, width, side = config.channels, config.swin.embed_dim, config.image_size
    head = MaskHead(channels_in=width, channels=C, at=config.mask_mlp_at)
    found = {"finest": (side // 8, side // 8, C)}
    first = FeatureMap(torch.zeros(1, side // 4, side // 4, width), None)
    second = FeatureMap(torch.zeros(1, side // 8, side // 8, width), None)
    coarse = torch.zeros(1, (side // 8) ** 2, C)
    found["first"] = tuple(first.features.shape[1:])
    head.lateral.register_forward_hook(
        lambda part, given, out: found.update(lateral=(side // 4, side // 4, out.shape[2]))
    )
    found["sum"] = tuple(add_finest_level(head.lateral, coarse, second, first).shape[1:])
    head.mlp[-1].register_forward_hook(lambda part, given, out: found.update(mlp=tuple(out.shape[1:])))
    logits = head(coarse, second, first, None)
    found["logits"] = (*logits.shape[2:], logits.shape[1])
    return found


def test_the_shapes_are_those_of_the_model(config, seen):
    way, finest = mask_head_grids(config)
    assert way[0].shape == seen["finest"]
    assert way[1].shape == way[2].shape == finest[1].shape == seen["sum"] == seen["lateral"]
    assert finest[0].shape == seen["first"]
    assert way[4].shape == seen["logits"]
    if config.mask_mlp_at == "quarter":
        assert way[3].shape == seen["mlp"]
        assert [grid.comes for grid in way[1:]] == ["×2", "+", "MLP", "×4"]
    else:
        assert way[3].shape == (*seen["logits"][:2], config.channels)
        assert [grid.comes for grid in way[1:]] == ["×2", "+", "×4", "MLP"]


def test_all_grids_are_drawn_with_their_shapes_in_true_proportions(config):
    figure = mask_head_figure(config)
    (axis,) = figure.axes
    texts = [text.get_text() for text in axis.texts]
    way, finest = mask_head_grids(config)
    for grid in (*way, *finest):
        assert "×".join(map(str, grid.shape)) in texts
    outlines = [patch for patch in axis.patches if not patch.get_fill() and hasattr(patch, "get_width")]
    assert outlines[4].get_width() / outlines[0].get_width() == pytest.approx(8)
    plt.close(figure)
