"""The task in one figure (Fig. 1): a picture, and expressions that mean one thing in it, several things, or nothing."""

import numpy as np
from matplotlib.figure import Figure

from grisq.course.tiles import Tile, expression_tile, image_grid
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import open_annotated
from grisq.data.scenarios import SCENARIOS, scenario_of
from grisq.runtime.errors import InputError

# Below the tiles: what the task was before, and what makes it general.
_NOTES = ("the picture", "RIS: always one thing", "generalized RIS: also several", "or nothing")


def rows_about_one_picture(data: GRefCOCO, split: str) -> list[dict[str, int]]:
    """Find the pictures of a split with expressions of all three scenarios, and the shortest expression of each.

    Args:
        data: the data set.
        split: where to look.

    Returns:
        For each of these pictures {scenario: row}, in the order of the data set.

    Raises:
        InputError: if there is no such picture, as in the val split of today's gRefCOCO.
    """
    found: dict[int, dict[str, int]] = {}
    for row in sorted(data.rows(split).tolist(), key=lambda row: (len(data.expression(row).text), row)):
        of_picture = found.setdefault(int(data.image_ids[row]), {})
        of_picture.setdefault(scenario_of(data.target_counts[row]), row)
    complete = [found[image] for image in sorted(found) if len(found[image]) == len(SCENARIOS)]
    if not complete:
        raise InputError(f"No picture of {split} has expressions of all three kinds: look at another split.")
    return complete


def task_figure(data: GRefCOCO, rows: dict[str, int]) -> Figure:
    """Draw a picture, then what each expression means in it: one thing, several, nothing.

    Args:
        data: the data set.
        rows: one for each scenario, all about one picture.
    """
    no_target, single, multi = (rows[scenario] for scenario in SCENARIOS)
    picture = np.asarray(open_annotated(data, data.expression(single).image_id))
    tiles = [Tile(picture, ""), *(expression_tile(data, row) for row in (single, multi, no_target))]
    figure = image_grid(tiles, len(tiles), size=2.4)
    figure.set_figheight(figure.get_figheight() + 0.25)
    for axis, note in zip(figure.axes, _NOTES):
        axis.text(0.5, -0.03, note, ha="center", va="top", transform=axis.transAxes, fontsize=9)
    return figure
