import numpy as np
import pytest
from PIL import Image

from grisq.augment.recipes import Mosaic, NoTarget, Plain
from grisq.augment.sampler import Slot
from grisq.data.sample import FILL, SampleReader, open_picture

SIDE = 64


@pytest.fixture(scope="module")
def singles(mini):
    """Rows with one target, of different pictures."""
    rows = [row for row in mini.rows("train") if mini.target_counts[row] == 1]
    _, first = np.unique(mini.image_ids[rows], return_index=True)
    return [int(rows[i]) for i in first]


def test_a_plain_recipe_is_the_annotated_sample(dataset, mini, singles):
    sample = dataset[Slot(Plain(singles[0]), 0.5)]
    expression = mini.expression(singles[0])
    assert sample.text == expression.text
    assert sample.target_count == 1
    assert sample.mask.any()
    assert sample.plurality_weight == 0.5


def test_a_no_target_keeps_the_picture_and_takes_the_words(dataset, mini, singles):
    image, donor = singles[:2]
    sample, original = dataset.render(NoTarget(image, donor)), dataset.render(Plain(image))
    assert np.array_equal(sample.image, original.image)
    assert np.array_equal(sample.valid, original.valid)
    assert sample.text == mini.expression(donor).text
    assert sample.tokens == dataset.reader.tokenizer.encode(sample.text, 20)
    assert not sample.mask.any()
    assert sample.target_count == 0
    assert original.mask.any()


@pytest.mark.parametrize("cells", [(0, 3), (1, 2, 3), (0, 1, 2, 3)])
def test_each_cell_of_a_mosaic_holds_exactly_its_samples_picture_and_mask(dataset, mini, singles, cells):
    rows = singles[: len(cells)]
    sample = dataset.render(Mosaic(tuple(zip(cells, rows))))
    half = SIDE // 2
    reader = SampleReader(mini, dataset.reader.tokenizer, half, 20)  # the same samples, letterboxed into a cell
    covered = np.zeros((SIDE, SIDE), bool)
    for cell, row in zip(cells, rows):
        alone = reader.read(row)
        window = np.s_[half * (cell // 2) : half * (cell // 2 + 1), half * (cell % 2) : half * (cell % 2 + 1)]
        assert np.array_equal(sample.image[window], alone.image)
        assert np.array_equal(sample.mask[window], alone.mask)
        assert alone.mask.any()
        covered[window] = True
    assert not sample.mask[~covered].any()
    assert (sample.image[~covered] == FILL).all()
    assert sample.target_count == len(cells)
    assert sample.text == " and ".join(mini.expression(row).text for row in rows)
    assert sample.valid.all()


def test_mosaic_cells_come_from_the_original_photograph(dataset, mini, singles):
    """Not from a canvas that was shrunk before: the cell equals one direct resize of the file."""
    row = singles[0]
    sample = dataset.render(Mosaic(((0, row), (3, singles[1]))))
    picture = open_picture(mini.image_path(mini.expression(row).image_id), near=SIDE // 2)
    scale = (SIDE // 2) / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    direct = np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
    assert np.array_equal(sample.image[: size[1], : size[0]], direct)


def test_four_texts_are_not_cut_at_the_limit_of_one(dataset, singles):
    long = dataset.render(Mosaic(tuple(zip(range(4), singles[:4]))))
    assert len(long.tokens) == len(dataset.reader.tokenizer.tokens(long.text))
