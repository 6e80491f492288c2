"""The task in one row of pictures (Fig. 1): expressions with one, several and no target, and the answer to each."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import open_annotated
from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET, scenario_of
from grisq.inference.overlay import overlay
from grisq.runtime.errors import InputError

# By scenario, in the order of the figure: what a right answer says.
ANSWERS = {
    SINGLE_TARGET: ("one", "present, one"),
    MULTI_TARGET: ("several", "present, several"),
    NO_TARGET: ("nothing", "not present"),
}
_SIDE = 256  # least side of a drawn picture, pixels: outlines of small pictures look stepped otherwise
_RANGES = {"generalized: any number of targets, or none": (0, 1, 0.6), "classic: exactly one": (0, 0.31, 0.05)}


def task_figure(data: GRefCOCO, split: str = "val", image_id: int | None = None) -> Figure:
    """Draw a picture, and beside it three of its expressions with the annotated targets and the right answers.

    Args:
        data: the data set.
        split: where to look.
        image_id: the picture; None: the first one with expressions of all three scenarios.

    Raises:
        InputError: no picture of the split, or not this one, has expressions of all three.
    """
    rows = expressions_of_all_scenarios(data, split, image_id)
    names = ["picture", *ANSWERS]
    layout = [[".", *["ranges"] * len(ANSWERS)], names, [f"below {name}" for name in names]]
    figure, axes = plt.subplot_mosaic(layout, figsize=(9, 3.7), height_ratios=[1, 4.4, 0.9])
    _draw_ranges(axes["ranges"])
    image, _ = _enlarged(data, rows[NO_TARGET])
    _draw_picture(axes["picture"], image, "one picture")
    _write(axes["below picture"], ("right answer:", "presence and number:"), 1, "#000000")
    for scenario, answer in ANSWERS.items():
        image, mask = _enlarged(data, rows[scenario])
        color, text = SCENARIO_COLORS[scenario], data.expression(rows[scenario]).text
        _draw_picture(axes[scenario], overlay(image, mask, rgb(color)), f"“{text}”")
        _write(axes[f"below {scenario}"], answer, 0.5, color)
    return figure


def describe_task(data: GRefCOCO, split: str = "val", image_id: int | None = None) -> str:
    """Say what `task_figure` shows, for its alternative text.

    Args: as `task_figure`.
    """
    rows = expressions_of_all_scenarios(data, split, image_id)
    one, several, nothing = (f"“{data.expression(rows[scenario]).text}”" for scenario in ANSWERS)
    return (
        f"A picture and three expressions. {one} means one object and {several} means several: they are outlined and "
        f"the rest fades. {nothing} means nothing in the picture, so nothing is outlined and the answer is “nothing”."
    )


def expressions_of_all_scenarios(data: GRefCOCO, split: str, image_id: int | None = None) -> dict[str, int]:
    """The first row of each scenario, by its name, of the first picture that has all three.

    Args: as `task_figure`.
    """
    found: dict[int, dict[str, int]] = {}
    for row in map(int, data.rows(split)):
        picture = data.expression(row).image_id
        if image_id in (None, picture):
            of_picture = found.setdefault(picture, {})
            of_picture.setdefault(scenario_of(data.target_counts[row]), row)
            if len(of_picture) == len(ANSWERS):
                return of_picture
    which = "No picture" if image_id is None else f"Picture {image_id} is not one"
    raise InputError(f"{which} of {split} with expressions for no, one and several targets: choose another split.")


def _enlarged(data: GRefCOCO, row: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture of a row and the mask of its targets, a small one enlarged by a whole number."""
    picture, mask = open_annotated(data, data.expression(row).image_id), Image.fromarray(data.mask(row))
    factor = max(1, -(-_SIDE // min(picture.size)))
    size = (factor * picture.width, factor * picture.height)
    smooth = mask.convert("L").resize(size, Image.Resampling.BICUBIC)
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS)), np.asarray(smooth) >= 128


def _draw_picture(axis: Axes, image: np.ndarray, title: str) -> None:
    axis.imshow(image, clip_on=False)  # the names of clips in a file change with the last digit of a coordinate
    axis.axis("off")
    axis.set_title(textwrap.fill(title, 28), fontsize=9)


def _write(axis: Axes, lines: tuple[str, str], x: float, color: str) -> None:
    axis.axis("off")
    align = "right" if x == 1 else "center"
    axis.text(x, 0.95, lines[0], ha=align, va="top", color=color, weight="bold")
    axis.text(x, 0.35, lines[1], ha=align, va="top", fontsize=9)


def _draw_ranges(axis: Axes) -> None:
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.axis("off")
    for text, (left, right, height) in _RANGES.items():
        axis.annotate("", (left, height), (right, height), arrowprops={"arrowstyle": "|-|,widthA=0.3,widthB=0.3"})
        axis.text((left + right) / 2, height + 0.08, text, ha="center", fontsize=9)
