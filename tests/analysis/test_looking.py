import numpy as np
import pytest
import torch

from grisq.analysis.looking import look
from grisq.data.sample import collate
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError


@pytest.fixture
def rows(mini):
    return [int(row) for row in mini.rows("val") if mini.target_counts[row] > 0][:5]


def test_attention_is_counted_where_the_target_is(model, reader, rows):
    """Cell by cell, against the mask cut into squares by hand."""
    found = look(model, reader, rows)
    side = 2 ** (model.config.query_level + 1)
    for number, row in enumerate(rows):
        sample = reader.read(row)
        with torch.inference_mode():
            maps = model(*collate([sample]).inputs(), need_weights=True).attention[1:]
        cells = range(0, len(sample.mask), side)
        squares = [(slice(y, y + side), slice(x, x + side)) for y in cells for x in cells]
        touched = np.array([sample.mask[square].any() for square in squares])
        inside = np.array([sample.valid[square].any() for square in squares])
        assert found.even[number] == pytest.approx(touched.sum() / inside.sum())
        for block, weights in enumerate(maps):
            weights = weights[0].numpy()
            assert found.on_target[number, block] == pytest.approx(weights[touched].sum(), abs=1e-5)
            assert found.brightest[number, block] == touched[weights.argmax()]


def test_an_even_look_gives_the_share_of_the_positions(model, reader, rows):
    """Without weights in the key projection all scores are equal, and padding still gets nothing."""
    with torch.no_grad():
        for block in model.target_query.read_decoder:
            block.attention.in_proj_weight.zero_()
    found = look(model, reader, rows)
    np.testing.assert_allclose(found.on_target, np.repeat(found.even[:, None], 2, axis=1), atol=1e-5)


def test_what_cannot_be_looked_at_is_one_sentence(model, model_config, reader, mini, rows):
    from dataclasses import replace

    nothing = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 0)
    for wrong in ([], [nothing], [*rows, nothing]):
        with pytest.raises(InputError, match="expressions with a target"):
            look(model, reader, wrong)
    plain = GRISQ(replace(model_config, target_query=False, plurality=False)).eval()
    with pytest.raises(InputError, match="no target query"):
        look(plain, reader, rows)
