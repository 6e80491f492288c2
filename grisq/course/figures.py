"""Figures: saved in three formats byte-stably, and shown with alternative text."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

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

    The notebook stores the picture with 256 colors, which takes a third of the space for a grid of photographs. The
    octree keeps rare colors, such as that of a title, which a median cut merges with others.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=figure.dpi, metadata=_NO_DATES["png"])
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(small, "png", optimize=True)
    bundle = {"image/png": small.getvalue(), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
    print(alt)
