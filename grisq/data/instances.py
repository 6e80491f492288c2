"""The annotated objects of a picture on its canvas, for a system that learns to detect them (MAttNet)."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow.compute as pc
import torch
from torch import Tensor

from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO, attributes_of
from grisq.data.inspection.findings import Fault
from grisq.data.inspection.outlines import read_outline
from grisq.data.letterbox import Letterbox

STRIDE = 4  # of their masks
NO_COLOR = -1


@dataclass
class Instances:
    """Objects of one sample. K objects on a canvas of side S."""

    boxes: np.ndarray  # (K, 4) float32: x1, y1, x2, y2 in pixels of the canvas
    categories: np.ndarray  # (K,) int64, index among the data set's categories in ascending order
    colors: np.ndarray  # (K,) int64, index among the data set's colors in alphabetical order, or NO_COLOR
    masks: np.ndarray  # (K, S/4, S/4) bool
    meant: np.ndarray  # (K,) bool, whether the expression means it

    def meant_by_none(self) -> "Instances":
        """The same objects, for an expression that means none of them."""
        return replace(self, meant=np.zeros_like(self.meant))

    @staticmethod
    def joined(parts: list["Instances"]) -> "Instances":
        """The objects of several parts of one canvas."""
        return Instances(
            **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Instances)}
        )


@dataclass
class InstanceBatch:
    """Objects of B samples, filled up to the largest number K of them."""

    boxes: Tensor  # (B, K, 4)
    categories: Tensor  # (B, K) long
    colors: Tensor  # (B, K) long
    masks: Tensor  # (B, K, S/4, S/4) bool
    meant: Tensor  # (B, K) bool
    real: Tensor  # (B, K) bool, False where there is no object

    def to(self, device: torch.device | str) -> "InstanceBatch":
        """A copy on the device."""
        return InstanceBatch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})

    def pin_memory(self) -> "InstanceBatch":
        """A copy in pinned memory."""
        return InstanceBatch(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})


def stack(samples: list[Instances]) -> InstanceBatch:
    """Fill all up to the largest number of objects; at least one place, so that no tensor is empty."""
    most = max(1, *(len(each.boxes) for each in samples))

    def filled(name: str) -> Tensor:
        arrays = [getattr(each, name) for each in samples]
        rest = [np.zeros((most - len(array), *array.shape[1:]), dtype=array.dtype) for array in arrays]
        return torch.from_numpy(np.stack([np.concatenate(pair) for pair in zip(arrays, rest)]))

    real = torch.arange(most) < torch.tensor([[len(each.boxes)] for each in samples])
    return InstanceBatch(**{f.name: filled(f.name) for f in fields(Instances)}, real=real)


class InstanceReader:
    """Reads the objects of a data set's pictures.

    Crowd regions are left out, and what the reader of the data set does not check because no expression means it:
    objects of an unknown category, and those whose outline cannot be read or has no pixel.
    """

    def __init__(self, data: GRefCOCO):
        self.data = data
        self._category = {number: index for index, number in enumerate(sorted(data.categories))}
        self._color = {name: index for index, name in enumerate(colors_of(data))}

    def read(
        self, image_id: int, meant: tuple[int, ...], box: Letterbox, side: int, x: int = 0, y: int = 0
    ) -> Instances:
        """The objects of one picture on a canvas.

        Args:
            image_id: of the picture.
            meant: annotation ids of the targets.
            box: how the picture is fitted.
            side: of the canvas.
            x: of the picture's corner on the canvas.
            y: of the picture's corner on the canvas.
        """
        geometry = {"scale": box.scale, "offset": (x, y), "out_height": side, "out_width": side}
        found, drawn = [], []
        for each in self.data.annotations_of(image_id):
            if each.iscrowd or each.category_id not in self._category:
                continue
            outline = read_outline(each.segmentation, box.height, box.width)
            if isinstance(outline, Fault):
                continue
            mask = masks.rasterize([outline.segmentation], box.height, box.width, **geometry)
            if mask.any():
                found.append(each)
                drawn.append(mask)
        center = slice(STRIDE // 2, None, STRIDE)
        empty = np.zeros((0, side // STRIDE, side // STRIDE), dtype=bool)
        return Instances(
            boxes=np.array([_box_of(mask) for mask in drawn], dtype=np.float32).reshape(-1, 4),
            categories=np.array([self._category[each.category_id] for each in found], dtype=np.int64),
            colors=np.array(
                [self._color.get(each.attributes.get("colour"), NO_COLOR) for each in found], dtype=np.int64
            ),
            masks=np.stack([mask[center, center] for mask in drawn]) if drawn else empty,
            meant=np.isin([each.ann_id for each in found], meant),
        )


def colors_of(data: GRefCOCO) -> tuple[str, ...]:
    """The colors that annotations name, in alphabetical order; none in a set of photographs."""
    found = {attributes_of(text).get("colour") for text in pc.unique(data.annotations["attributes"]).to_pylist()}
    return tuple(sorted(found - {None}))


def _box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The tight box of a mask that has at least one pixel: x1, y1, x2, y2, the last two exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
