"""One scene in many forms is the same upright RGB picture for prediction; what cannot be one is named."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grisq.inference.picture_input import read_picture
from grisq.runtime.errors import InputError

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 251, (30, 40)).astype(np.uint16)
GRAY[0, 0] = 250  # near the end of every depth's range
COLOR = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)


def reread(image, form, **options):
    """The picture after a round through a file of that form."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (GRAY.astype(np.uint8), "PNG"),
        (GRAY * 257, "PNG"),
        (GRAY * 257, "TIFF"),
        ((GRAY * 257).astype(">u2"), "TIFF"),
        ((GRAY * 257).astype(np.int32), "TIFF"),
        (np.rint(GRAY * (4095 / 255)).astype(np.uint16), "PNG"),
        (np.rint(GRAY * (16383 / 255)).astype(np.uint16), "PNG"),
        ((GRAY / 255).astype(np.float32), "TIFF"),
        (GRAY.astype(np.float32), "TIFF"),
    ],
    ids=["8", "16", "16 TIFF", "16 big-endian", "int32", "12 in 16", "14 in 16", "float to 1", "float to 255"],
)
def test_gray_of_every_depth_is_the_same_scene(values, form):
    found = np.asarray(read_picture(reread(Image.fromarray(values), form)))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - GRAY[..., None].astype(int)).max() <= 1


def gray(values):
    return np.asarray(read_picture(Image.fromarray(values)))[..., 0]


def test_values_without_a_usual_range_are_stretched():
    hounsfield = np.array([[-1000, 0, 1000]], np.float32)
    assert gray(hounsfield).tolist() == [[0, 128, 255]]
    assert gray(np.array([[0, 2**20]], np.int32)).tolist() == [[0, 255]]
    assert gray(np.array([[np.nan, 1, 0.5]], np.float32)).tolist() == [[0, 255, 128]]
    assert len(np.unique(gray(np.full((2, 2), -3, np.int32)))) == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=1, max_size=40))
def test_scaling_keeps_the_order_and_uses_the_range(values):
    found = gray(np.array([values], np.uint16))[0].astype(int)
    order = np.argsort(values, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert found.max() >= (63 if max(values) > 255 else max(values))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_white(mode):
    """What a transparent pixel hides does not matter, and half transparent is half white."""
    alpha = np.zeros((30, 40), np.uint8)
    alpha[:, 20:] = 255
    hidden = Image.fromarray(np.dstack([COLOR, alpha]))
    if mode == "P":
        palette = Image.fromarray(COLOR).quantize(16)
        indices = np.where(alpha > 0, np.asarray(palette), 16).astype(np.uint8)
        paletted = Image.fromarray(indices, "P")
        paletted.putpalette([*palette.getpalette()[:48], 0, 0, 0])
        source, solid = reread(paletted, "PNG", transparency=16), np.asarray(palette.convert("RGB"))
    else:
        source, solid = hidden.convert(mode), np.asarray(hidden.convert("RGB").convert("L" if mode == "LA" else "RGB"))
        solid = solid if solid.ndim == 3 else np.dstack([solid] * 3)
    found = np.asarray(read_picture(source))
    assert (found[:, :20] == 255).all()
    assert np.array_equal(found[:, 20:], solid[:, 20:])


def test_half_transparent_black_over_white_is_gray():
    assert np.asarray(read_picture(Image.new("RGBA", (2, 2), (0, 0, 0, 128))))[0, 0].tolist() == [127, 127, 127]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "YCbCr", "HSV", "RGBX", "RGBa"])
def test_every_other_mode_gives_rgb(mode):
    source = Image.fromarray(COLOR).convert("RGBA").convert(mode) if mode == "RGBa" else Image.new(mode, (4, 3))
    assert read_picture(source).mode == "RGB"


def test_a_mode_that_cannot_be_converted_is_named():
    with pytest.raises(InputError, match="cannot be read as a picture"):
        read_picture(Image.new("La", (2, 2)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_picture_is_set_upright(orientation, form):
    """The corner that the camera saw at the top left comes to the top left, by EXIF's own definition."""
    stored = np.full((32, 48, 3), 128, np.uint8)
    corners = {1: (0, 0), 2: (0, -8), 3: (-8, -8), 4: (-8, 0), 5: (0, 0), 6: (-8, 0), 7: (-8, -8), 8: (0, -8)}
    row, column = corners[orientation]
    stored[row:, column:][:8, :8] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = np.asarray(read_picture(reread(Image.fromarray(stored), form, exif=exif)))
    assert found.shape == ((32, 48, 3) if orientation < 5 else (48, 32, 3))
    assert found[2, 2, 0] > 200
    assert found[2, 2, 1] < 60
    assert np.array_equal(np.asarray(read_picture(Image.fromarray(found))), found)


def test_a_very_large_picture_is_read_without_a_warning_and_beyond_the_limit_named(tmp_path, monkeypatch):
    Image.fromarray(COLOR).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow warns here and refuses twice as many
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(np.asarray(read_picture(tmp_path / "large.png")), COLOR)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(InputError, match=r"large\.png has too many pixels \(more than 1,000\)"):
        read_picture(tmp_path / "large.png")


def test_broken_exif_is_no_orientation():
    picture = reread(Image.fromarray(COLOR), "JPEG", exif=b"Exif\x00\x00garbage!!garbage!!")
    assert read_picture(picture).size == (40, 30)


def test_arrays_of_every_form_are_the_same_scene():
    for array in (COLOR, np.dstack([COLOR, np.full((30, 40), 255, np.uint8)]), COLOR.astype(np.uint16) * 257):
        assert np.array_equal(np.asarray(read_picture(array)), COLOR)
    assert np.array_equal(np.asarray(read_picture(COLOR / 255)), COLOR)
    assert np.array_equal(np.asarray(read_picture(COLOR.astype(np.float32))), COLOR)
    assert read_picture(COLOR[..., 0]).mode == "RGB"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 30, 40), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4), np.int64),
        np.zeros((4, 4), complex),
        np.full((4, 4, 3), -0.5),
        np.full((4, 4, 3), np.nan),
        np.zeros(4, np.uint8),
    ],
)
def test_an_array_that_is_no_picture_is_named(array):
    with pytest.raises(InputError, match="no picture: give"):
        read_picture(array)
