"""Every kind of picture file as upright RGB of 8 bits, against the pixels that were written."""

import io
import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

from grisq.data.pictures import decode_fully, has_shape, open_picture, read_header, upright_rgb
from grisq.runtime.errors import InputError

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GRAY = np.tile(np.arange(0, 240, 8, dtype=np.uint8), (20, 1))  # (20, 30)
GRAY[0, 0] = 255


def turned(pixels, orientation):
    """What a viewer shows of stored pixels, written out."""
    return {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: np.swapaxes(pixels, 0, 1),
        6: np.rot90(pixels, -1),
        7: np.swapaxes(pixels[::-1, ::-1], 0, 1),
        8: np.rot90(pixels),
    }[orientation]


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["png", "tif", "webp", "jpg"])
def test_pictures_are_turned_upright(tmp_path, orientation, form):
    path = tmp_path / f"a.{form}"
    smooth = np.asarray(Image.fromarray(COLORS[:4, :6]).resize((60, 40)))
    options = {"lossless": True} if form == "webp" else {"quality": 100, "subsampling": 0} if form == "jpg" else {}
    Image.fromarray(smooth).save(path, exif=exif(orientation), **options)
    upright, stored = np.asarray(open_picture(path)), np.asarray(open_picture(path, upright=False))
    truth = turned(smooth, orientation)
    slack = 12 if form == "jpg" else 0
    assert upright.shape == truth.shape
    assert np.abs(upright.astype(int) - truth).max() <= slack
    assert np.abs(stored.astype(int) - smooth).max() <= slack
    header = read_header(path)
    assert (header.stored, header.orientation) == ((60, 40), orientation)
    assert header.upright == upright.shape[1::-1]
    assert header.turned == (orientation != 1)


def test_a_reduced_jpeg_is_turned_too(tmp_path):
    Image.fromarray(np.zeros((400, 800, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif(6))
    assert open_picture(tmp_path / "a.jpg", near=90).size == (100, 200)


def test_without_exif_the_pixels_are_pillows(tmp_path):
    Image.fromarray(np.kron(COLORS, np.ones((9, 9, 1), np.uint8))).save(tmp_path / "a.jpg", quality=80)
    for near in (None, 40):
        plain = Image.open(tmp_path / "a.jpg")
        if near:
            plain.draft("RGB", (near, near))
        assert np.array_equal(open_picture(tmp_path / "a.jpg", near=near), plain.convert("RGB"))


def test_damaged_exif_is_no_turn(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "a.jpg", exif=b"Exif\x00\x00garbage!!garbage!!")
    assert open_picture(tmp_path / "a.jpg").size == (30, 20)
    assert not read_header(tmp_path / "a.jpg").turned


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (GRAY.astype(np.uint16) * 257, GRAY),  # 16 bits
        ((GRAY.astype(np.uint16) * 257).astype(">u2"), GRAY),
        (np.rint(GRAY * (4095 / 255)).astype(np.uint16), GRAY),  # 12 bits in 16, as cameras write
        (np.rint(GRAY * (1023 / 255)).astype(np.uint16), GRAY),
        (GRAY.astype(np.uint16), GRAY),
        (GRAY.astype(np.int32) * 257, GRAY),
        (GRAY.astype(np.int32) * 8_000_000, GRAY),  # more than 16 bits: by the greatest value
        (GRAY.astype(np.int32) * 16 - 1024, GRAY),  # negative values move up; 12 bits
        ((GRAY / 255).astype(np.float32), GRAY),
        (GRAY.astype(np.float32), GRAY),
        ((GRAY * 7.0 - 300).astype(np.float32), GRAY),  # neither range: from least to greatest
        (np.where(GRAY == 8, np.nan, GRAY / 255).astype(np.float32), np.where(GRAY == 8, 0, GRAY)),
        (np.zeros((20, 30), np.uint16), np.zeros((20, 30))),
        (np.full((20, 30), np.nan, np.float32), np.zeros((20, 30))),
    ],
)
def test_deep_gray_is_scaled_to_eight_bits(tmp_path, values, expected):
    Image.fromarray(values).save(tmp_path / "a.tif")
    forms = ["a.tif"]
    if values.dtype == np.uint16:
        Image.fromarray(values).save(tmp_path / "a.png")
        forms.append("a.png")
    for form in forms:
        found = np.asarray(open_picture(tmp_path / form))
        assert found.shape == (20, 30, 3)
        assert (found == found[..., :1]).all()
        assert np.abs(found[..., 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "RGB", "L"])
def test_what_is_transparent_is_white(tmp_path, mode):
    inside = np.zeros((20, 30), bool)
    inside[5:15, 5:20] = True
    hidden = np.where(inside[..., None], np.uint8(90), COLORS)  # colors that nobody should see
    picture = Image.fromarray(hidden)
    options = {}
    if mode in ("RGBA", "LA", "PA"):
        alpha = Image.fromarray(inside.astype(np.uint8) * 255)
        picture = picture.convert({"RGBA": "RGB", "LA": "L", "PA": "P"}[mode])
        picture.putalpha(alpha)
        if mode == "PA":
            assert np.asarray(upright_rgb(picture))[~inside].min() == 255
            return
    elif mode == "P":
        indices = np.where(inside, 1, 0).astype(np.uint8)
        picture = Image.fromarray(indices, "P")
        picture.putpalette([0, 0, 0, 90, 90, 90])
        options = {"transparency": 0}
    else:
        picture = Image.fromarray(np.where(inside, 90, 7).astype(np.uint8)).convert(mode)
        options = {"transparency": 7 if mode == "L" else (7, 7, 7)}
    picture.save(tmp_path / "a.png", **options)
    found = np.asarray(open_picture(tmp_path / "a.png"))
    assert (found[~inside] == 255).all()
    assert (np.abs(found[inside].astype(int) - 90) <= 1).all()


def test_half_transparent_is_mixed_with_white_and_opaque_is_exact(tmp_path):
    for alpha, expected in ((255, COLORS), (128, COLORS * (128 / 255) + 127), (0, np.full_like(COLORS, 255))):
        full = np.full((20, 30, 1), alpha, np.uint8)
        Image.fromarray(np.dstack([COLORS, full])).save(tmp_path / "a.png")
        found = np.asarray(open_picture(tmp_path / "a.png")).astype(int)
        assert np.abs(found - expected).max() <= (1 if alpha == 128 else 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_other_forms_are_as_pillow_shows_them(mode):
    picture = Image.fromarray(COLORS)
    picture = picture.convert(mode) if mode != "LAB" else Image.merge("LAB", picture.split())
    try:
        expected = picture.convert("RGB")
    except ValueError:
        return  # a form that Pillow does not show
    assert np.array_equal(upright_rgb(picture), expected)


def png_bytes():
    packed = io.BytesIO()
    Image.fromarray(COLORS).save(packed, "PNG")
    return packed.getvalue()


def jpeg_bytes():
    packed = io.BytesIO()
    Image.fromarray(np.kron(COLORS, np.ones((8, 8, 1), np.uint8))).save(packed, "JPEG")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html>", "cannot identify"),
        (jpeg_bytes()[:-400], "truncated"),
        (png_bytes()[:-400], "truncated"),
        (png_bytes()[:20], "cannot be read"),
        (jpeg_bytes()[:30], "cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "cannot be read"),
        (b"II*\x00" + b"\xff" * 60, "cannot be read"),
        (b"GIF89a" + bytes(30), "cannot be read"),
    ],
)
def test_what_is_no_complete_picture_is_one_sentence(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for look in (open_picture, decode_fully):
        with pytest.raises(InputError, match=reason) as error:
            look(path)
        assert str(error.value).startswith(f"{path} cannot be read as a picture")
        assert str(error.value).endswith("give a complete JPEG or PNG.")
        assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # data workers send it home


def test_missing_folders_and_impossible_names(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_picture(tmp_path / "none.jpg")
    for path in (tmp_path / ("x" * 300 + ".jpg"), tmp_path / "a\0b.jpg"):
        with pytest.raises(InputError, match="cannot be read as a picture"):
            open_picture(path)
    with pytest.raises(InputError, match=r"^shown\.png cannot be read"):
        open_picture(io.BytesIO(b"x"), name="shown.png")


def test_very_large_pictures(tmp_path, monkeypatch):
    Image.fromarray(COLORS).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # 600 pixels: more than the limit, less than twice as many
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_picture(tmp_path / "a.png").size == read_header(tmp_path / "a.png").stored == (30, 20)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    for look in (open_picture, read_header, decode_fully):
        with pytest.raises(InputError, match=r"a\.png has too many pixels \(more than 400\): save a smaller copy"):
            look(tmp_path / "a.png")


def test_shapes():
    assert has_shape((320, 240), 640, 480)
    assert not has_shape((320, 240), 480, 640)


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(InputError, match="is a folder: give the file of a picture"):
        open_picture(tmp_path)
