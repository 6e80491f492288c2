"""Pictures to choose from on the page, evenly spaced over the val split, with what the data set asks about them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import evenly
from grisq.data.sample import open_annotated
from grisq.data.scenarios import scenario_index

COUNT = 6
SET = "tiny"  # whose pictures stand on the page unless another set is named
LONGEST = 640  # pixels of a side: photographs beyond it are reduced
_CREDIT = (
    "Pictures: drawings of the synthetic set. Sprites: Twemoji graphics, copyright Twitter, Inc. and other "
    "contributors, CC BY 4.0, recolored, scaled, mirrored, combined"
)


@dataclass(frozen=True)
class Example:
    """A picture and questions about it."""

    picture: Image.Image  # RGB
    name: str  # what a screen reader says: the annotated objects
    expressions: list[str]  # one of each scenario that the data set has here: several targets, one, none


@dataclass(frozen=True)
class Examples:
    """The pictures of a page and whose they are."""

    pictures: list[Example]
    credit: str  # a sentence without its full stop
    card: Path | None  # the data set's own text about its sources


def choose_examples(folder: Path | None = None, *, count: int = COUNT) -> Examples:
    """Choose pictures of the val split, or of the last split where there is none, evenly and not by their answers.

    Only pictures count about which the split has as many of the three scenarios as it has about any: in the synthetic
    sets one expression without, one with a single and one with several targets.

    Args:
        folder: a data set in gRefCOCO's layout; None: the synthetic set `tiny`, which is made on first use.
        count: the largest number of pictures.

    Raises:
        InputError: the data set or a picture cannot be read.
    """
    data = load_dataset(SET, folder)
    rows = data.rows("val" if "val" in data.splits else data.splits[-1])
    first: dict[int, dict[int, int]] = {}  # picture -> scenario -> its first row
    for row, image, scenario in zip(rows, data.image_ids[rows], scenario_index(data.target_counts[rows])):
        first.setdefault(int(image), {}).setdefault(int(scenario), int(row))
    most = max(map(len, first.values()))
    candidates = np.array(sorted(image for image, found in first.items() if len(found) == most))
    pictures = [_example(data, int(image), first[int(image)]) for image in evenly(candidates, count)]
    card = data.root / "README.md"
    credit = _CREDIT if folder is None else f"Pictures: {data.root.name}"
    return Examples(pictures, credit, card if card.is_file() else None)


def _example(data: GRefCOCO, image_id: int, rows: dict[int, int]) -> Example:
    picture = open_annotated(data, image_id)
    picture.thumbnail((LONGEST, LONGEST))
    objects = Counter(data.categories[each.category_id] for each in data.annotations_of(image_id))
    listed = ", ".join(name if times == 1 else f"{name} ({times})" for name, times in objects.items())
    return Example(
        picture, f"Picture of: {listed}", [data.expression(rows[kind]).text for kind in sorted(rows, reverse=True)]
    )
