"""Figures: saved in three formats byte-stably, and shown with alternative text."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import cKDTree

from grisq.course.style import OKABE_ITO, rgb
from grisq.runtime.paths import FIGURES

_NO_DATES = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None, "Producer": None}}


def save(figure: Figure, name: str, folder: Path = FIGURES) -> list[Path]:
    """Write name.png, name.svg and name.pdf and return their paths; the same figure gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ending, metadata in _NO_DATES.items():
        paths.append(folder / f"{name}.{ending}")
        figure.savefig(paths[-1], metadata=metadata)
    return paths


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a notebook with its description as alternative text and as caption, and close it.

    The notebook stores the picture with 256 colors, which takes a third of the space for a grid of photographs.
    """
    bundle = {"image/png": small_png(figure, figure.dpi), "text/plain": alt}
    plt.close(figure)
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
    print(alt)


def small_png(figure: Figure, dpi: float) -> bytes:
    """Draw a figure as a PNG of 256 colors."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, metadata=_NO_DATES["png"])
    _with_palette(Image.open(drawn).convert("RGB")).save(small, "png", optimize=True)
    return small.getvalue()


def _with_palette(picture: Image.Image) -> Image.Image:
    """Reduce a picture to 256 colors: its own where they are as few, else white, the style's, and what fits the rest.

    The colors by which titles and outlines tell things apart must not shift.
    """
    pixels = np.asarray(picture)  # (H, W, 3)
    as_numbers, place = np.unique(pixels @ (1 << 16, 1 << 8, 1), return_inverse=True)  # (N,), one for each pixel
    palette = colors = as_numbers[:, None] >> (16, 8, 0) & 255  # (N, 3)
    if len(colors) > 256:
        kept = [(255, 255, 255), *map(rgb, OKABE_ITO.values())]
        sample = Image.fromarray(np.ascontiguousarray(pixels[::3, ::3]))  # as good, in a ninth of the time
        fitted = sample.quantize(256 - len(kept), Image.Quantize.MAXCOVERAGE, kmeans=1)
        palette = np.concatenate([kept, np.reshape(fitted.getpalette(), (-1, 3))])
    nearest = cKDTree(palette).query(colors)[1].astype(np.uint8)  # Pillow's own search rounds colors
    small = Image.fromarray(nearest[place].reshape(pixels.shape[:2]), "P")
    small.putpalette(palette.astype(np.uint8).tobytes())
    return small
