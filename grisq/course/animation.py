"""Moving pictures: frames drawn with matplotlib, written as a GIF that loops."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from grisq.runtime.files import atomic_file

Frame = tuple[Image.Image, int]  # and how long it stands, milliseconds


def drawn(canvas: FigureCanvasAgg) -> Image.Image:
    """Draw the figure of a canvas as it is now; its layout stays as the first frame has it."""
    canvas.draw()
    canvas.figure.set_layout_engine("none")
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def save_gif(frames: Iterable[Frame], path: Path, *, colors: int) -> list[Image.Image]:
    """Write frames as a GIF that loops.

    Args:
        frames: with their durations, at least one.
        path: of the file; its folder is made.
        colors: of each frame, at most 256.

    Returns:
        The frames.

    Raises:
        InputError: the file cannot be written.
    """
    pictures, durations = zip(*frames)
    first, *others = [each.quantize(colors, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) for each in pictures]
    with atomic_file(path) as partial:
        first.save(partial, "gif", save_all=True, append_images=others, duration=list(durations), loop=0)
    return list(pictures)
