import pytest
import torch

from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import halve
from grisq.models.layers.position_encoding import grid_centers
from grisq.models.pixel_decoder import PixelDecoder, reference_points


def build(blocks=2):
    return PixelDecoder(channels_in=(8, 12, 16), channels=16, blocks=blocks, heads=2, points=2, feedforward=32).eval()


def pyramid(height=8, width=12, valid=None):
    levels = []
    for channels in (8, 12, 16):
        levels.append(FeatureMap(torch.randn(2, height, width, channels), valid))
        height, width, valid = -(-height // 2), -(-width // 2), halve(valid)
    return levels


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize(("level", "length"), [(2, 96), (3, 24), (4, 6)])
def test_every_level_comes_once_more_than_there_are_blocks(blocks, level, length):
    decoded = build(blocks)(pyramid())
    assert [tuple(f.shape) for f in decoded.subsequence(level)] == [(2, length, 16)] * (blocks + 1)
    assert decoded.positions_of(level).shape[-2:] == (length, 16)


@pytest.mark.parametrize("level", [2, 3, 4])
def test_a_level_starts_as_its_projection_before_any_block(level):
    decoder, levels = build(), pyramid()
    index = level - 2
    torch.testing.assert_close(
        decoder(levels).subsequence(level)[0], decoder.projections[index](levels[index]), atol=1e-6, rtol=1e-5
    )


def test_coarse_levels_reach_the_finest_through_the_blocks():
    decoder, levels = build(), pyramid()
    before = decoder(levels).subsequence(2)[-1]
    levels[2].features = levels[2].features + torch.randn_like(levels[2].features)
    assert not torch.allclose(before, decoder(levels).subsequence(2)[-1])


def test_reference_points_name_the_same_spot_on_every_level():
    """A position's center, in pixels of each level's own valid rectangle, is the same fraction of it."""
    valid = torch.zeros(2, 8, 12, dtype=torch.bool)
    valid[0, :5, :12] = True
    valid[1, :8, :7] = True
    levels = pyramid(valid=valid)
    centers = [grid_centers(level.size, level.valid, level.features) for level in levels]
    points = reference_points(centers, levels)  # (2, S, 3, 2)
    for b, (height, width) in enumerate([(5, 12), (8, 7)]):
        for i, level in enumerate(levels):
            y = points[b, 13, i, 1] * level.size[0]  # position 13 is row 1, column 1 of the finest level
            x = points[b, 13, i, 0] * level.size[1]
            h, w = -(-height // 2**i), -(-width // 2**i)
            torch.testing.assert_close(torch.stack([y / h, x / w]), torch.tensor([1.5 / height, 1.5 / width]))
