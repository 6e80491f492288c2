import numpy as np
import pytest
import torch
from PIL import Image

from grisq.data.sample import (
    FILL,
    IMAGENET_MEAN,
    IMAGENET_STD,
    NO_PLURALITY,
    Collate,
    SampleReader,
    collate,
    normalize,
    open_picture,
)
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.runtime.errors import InputError

SIDE = 64


@pytest.fixture(scope="module")
def reader(mini):
    tokenizer = ExpressionTokenizer.train(mini.expressions["text"].to_pylist(), 300)
    return SampleReader(mini, tokenizer, SIDE, 20)


def rows_with(mini, count):
    return [int(row) for row in range(len(mini.target_counts)) if min(mini.target_counts[row], 2) == count]


def test_a_sample_is_the_letterboxed_picture_with_the_annotated_mask(reader, mini):
    for row in rows_with(mini, 1)[:5] + rows_with(mini, 2)[:5]:
        sample, expression = reader.read(row), mini.expression(row)
        box = sample.letterbox
        assert sample.image.shape == (SIDE, SIDE, 3)
        assert sample.valid.sum() == box.fitted_width * box.fitted_height
        assert (sample.image[~sample.valid] == FILL).all()
        assert not sample.mask[~sample.valid].any()
        whole = np.any([mini_mask(mini, ann_id) for ann_id in expression.ann_ids], axis=0)
        share, expected = sample.mask.sum() / sample.valid.sum(), whole.mean()
        assert share == pytest.approx(expected, rel=0.15, abs=0.005)


def mini_mask(mini, ann_id):
    """The mask of one annotation by pycocotools alone."""
    from pycocotools import mask as coco

    (segmentation,) = mini.segmentations((ann_id,))
    return coco.decode(segmentation).astype(bool)


def test_labels_by_kind(reader, mini):
    rows = [rows_with(mini, kind)[0] for kind in (0, 1, 2)]
    batch = collate([reader.read(row) for row in rows])
    assert batch.presence.tolist() == [0, 1, 1]
    assert batch.plurality.tolist() == [NO_PLURALITY, 0, 1]
    assert batch.plurality_weight.tolist() == [0.0, 0.5, 0.5]
    assert batch.masks.flatten(1).any(1).tolist() == [False, True, True]


def test_images_are_stacked_with_the_color_first(reader):
    samples = [reader.read(row) for row in range(3)]
    batch = collate(samples)
    assert batch.images.is_contiguous()
    for i, sample in enumerate(samples):
        for color in range(3):
            assert np.array_equal(batch.images[i, color].numpy(), sample.image[:, :, color])


def test_tokens_are_padded_to_the_longest_of_the_batch(reader):
    samples = [reader.read(row) for row in range(8)]
    batch = Collate(reader.tokenizer.pad_id)(samples)
    lengths = [len(sample.tokens) for sample in samples]
    assert batch.tokens.shape == (8, max(lengths))
    assert batch.token_mask.sum(1).tolist() == lengths
    for line, mask, sample in zip(batch.tokens, batch.token_mask, samples):
        assert line[mask].tolist() == sample.tokens
        assert (line[~mask] == reader.tokenizer.pad_id).all()


def test_normalization_is_imagenets_with_zero_padding():
    images = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    valid = torch.ones(2, 4, 4, dtype=torch.bool)
    assert torch.equal(normalize(images, valid), normalize(images, None))
    valid[1, 2:] = False
    out = normalize(images, valid)
    expected = (images[0, 1, 3, 3] / 255 - IMAGENET_MEAN[1]) / IMAGENET_STD[1]
    assert float(out[0, 1, 3, 3]) == pytest.approx(float(expected), abs=1e-5)
    assert not out[1, :, 2:].any()


@pytest.mark.parametrize("padded", [False, True])
def test_a_batch_knows_whether_anything_is_padded(reader, padded):
    samples = [reader.read(row) for row in range(3)]
    for sample in samples:
        sample.valid[:] = True
    samples[1].valid[-1, -1] = not padded
    batch = collate(samples).to("cpu")
    assert batch.padded == padded
    assert (batch.inputs()[1] is None) == (not padded)


def test_a_reader_pickles_into_a_worker(reader):
    from torch.utils.data import DataLoader

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return reader.read(index)

    (batch,) = DataLoader(Rows(), batch_size=4, num_workers=2, collate_fn=collate)
    assert torch.equal(batch.images, collate([reader.read(row) for row in range(4)]).images)


def test_an_object_of_a_few_pixels_survives_a_small_canvas(tmp_path):
    from grisq.data import masks

    square = [[10.0, 10.0, 12.0, 10.0, 12.0, 12.0, 10.0, 12.0]]  # 2 x 2 pixels of 640 x 480, on a canvas of 64
    mask = masks.rasterize([square], 480, 640, scale=(0.1, 0.1), offset=(0, 0), out_height=SIDE, out_width=SIDE)
    assert mask.any()


def test_a_missing_picture_and_one_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"gone\.jpg does not exist"):
        open_picture(tmp_path / "gone.jpg")
    (tmp_path / "text.jpg").write_text("not a picture", encoding="utf-8")
    with pytest.raises(InputError, match=r"text\.jpg cannot be read as a picture"):
        open_picture(tmp_path / "text.jpg")
    Image.new("RGB", (600, 600), "red").save(tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.jpg cannot be read"):
        open_picture(tmp_path / "cut.jpg")


def test_grey_and_transparent_pictures_become_rgb(tmp_path):
    for mode in ("L", "RGBA", "P"):
        Image.new(mode, (8, 8)).save(tmp_path / f"{mode}.png")
        assert open_picture(tmp_path / f"{mode}.png").mode == "RGB"
