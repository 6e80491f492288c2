"""What stands where in a picture: its category and its color at stride 4, without any expression."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from grisq.data.grefcoco import Annotation, GRefCOCO
from grisq.data.letterbox import Letterbox
from grisq.data.masks import rasterize
from grisq.data.sample import empty_canvas, open_annotated, place
from grisq.runtime.errors import InputError

BACKGROUND, IGNORED = 0, -100  # classes of a position; IGNORED is what torch's cross-entropy leaves out
STRIDE = 4  # of the first Swin stage


@dataclass(frozen=True)
class Names:
    """What there is to tell apart. A person counts by variant, since words do: man, woman, boy, girl."""

    classes: tuple[str, ...]  # class i + 1 is classes[i]; class 0 is the background
    colors: tuple[str, ...]

    @classmethod
    def of(cls, data: GRefCOCO) -> "Names":
        """Collect the names that a data set's annotations have.

        Raises: InputError if no annotation has a color, as only synthetic sets do.
        """
        attributes = [each for info in data.images() for each in data.annotations_of(info.image_id)]
        colors = {each.attributes["colour"] for each in attributes if "colour" in each.attributes}
        if not colors:
            raise InputError(f"No annotation in {data.root} has a color: pretrain on a synthetic set.")
        return cls(tuple(sorted({class_name(each, data) for each in attributes})), tuple(sorted(colors)))


def class_name(annotation: Annotation, data: GRefCOCO) -> str:
    """A person's variant or the name of the category."""
    return annotation.attributes.get("variant") or data.categories[annotation.category_id]


class Labeled(NamedTuple):
    """Pictures with what stands where; S is the side of the canvas. A single picture has no first dimension."""

    images: Tensor  # (B, 3, S, S) uint8
    valid: Tensor  # (B, S, S) bool, False in the padding
    classes: Tensor  # (B, S/4, S/4) long, BACKGROUND or 1 + index into the names, IGNORED in the padding
    colors: Tensor  # (B, S/4, S/4) long, index into the names, IGNORED without a known color


class LabeledPictures(Dataset):
    """Pictures with their labels. An index is the number of a picture and whether to mirror it."""

    def __init__(self, data: GRefCOCO, image_ids: np.ndarray, names: Names, side: int):
        self.data, self.image_ids, self.side = data, image_ids, side
        self._class = {name: index + 1 for index, name in enumerate(names.classes)}
        self._color = {name: index for index, name in enumerate(names.colors)}

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: tuple[int, bool]) -> Labeled:
        number, mirrored = index
        image_id = int(self.image_ids[number])
        info = self.data.image(image_id)
        box = Letterbox(info.width, info.height, self.side)
        canvas, valid = empty_canvas(self.side)
        place(canvas, valid, open_annotated(self.data, image_id, near=self.side), box, 0, 0)
        classes, colors = self._maps(image_id, box, valid)
        if mirrored:
            for array in (canvas, classes, colors):
                part = array[:, : box.fitted_width]
                part[:] = part[:, ::-1].copy()
        center = slice(STRIDE // 2, None, STRIDE)
        return Labeled(
            torch.from_numpy(canvas).permute(2, 0, 1),
            torch.from_numpy(valid),
            torch.from_numpy(classes[center, center].copy()),
            torch.from_numpy(colors[center, center].copy()),
        )

    def _maps(self, image_id: int, box: Letterbox, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Class and color of every pixel of the canvas, (S, S) long each."""
        classes = np.where(valid, BACKGROUND, IGNORED)
        colors = np.full_like(classes, IGNORED)
        for annotation in self.data.annotations_of(image_id):
            mask = rasterize(
                [annotation.segmentation],
                box.height,
                box.width,
                scale=box.scale,
                out_height=self.side,
                out_width=self.side,
            )
            classes[mask] = self._class[class_name(annotation, self.data)]
            colors[mask] = self._color.get(annotation.attributes.get("colour"), IGNORED)
        return classes, colors
