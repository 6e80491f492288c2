"""Masks as packed bits: an eighth of the memory, and pixels are counted 64 at a time."""

from functools import partial

import numpy as np

from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.data.letterbox import Letterbox
from grisq.runtime.byte_cache import ByteCache


def pack(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool -> (ceil(H * W / 64),) uint64; what the last word does not use is 0."""
    packed = np.packbits(mask)
    words = np.zeros(-(-packed.size // 8), dtype=np.uint64)
    words.view(np.uint8)[: packed.size] = packed
    return words


def no_pixels(size: tuple[int, int]) -> np.ndarray:
    """The empty mask of a size (H, W), packed."""
    return np.zeros(-(-size[0] * size[1] // 64), dtype=np.uint64)


def count(words: np.ndarray) -> int:
    """Number of pixels in a packed mask."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


class InstanceMasks:
    """The annotated objects of a data set at the sizes at which masks are compared, as packed bits.

    Args:
        data: the data set.
        limit: bytes to keep for the next evaluation, or the next expression about the same object.
    """

    def __init__(self, data: GRefCOCO, limit: int):
        self.data, self._cache = data, ByteCache(limit)

    def of(self, ann_ids: tuple[int, ...], box: Letterbox, size: tuple[int, int]) -> list[np.ndarray]:
        """Draw each object, packed and read-only.

        Args:
            ann_ids: of annotations of one picture.
            box: knows the picture's size.
            size: (H, W) of the masks; it need not keep the picture's aspect ratio.
        """
        return [self._cache.get((ann_id, size), partial(self._draw, ann_id, box, size)) for ann_id in ann_ids]

    def _draw(self, ann_id: int, box: Letterbox, size: tuple[int, int]) -> np.ndarray:
        height, width = size
        mask = masks.rasterize(
            self.data.segmentations((ann_id,)),
            box.height,
            box.width,
            scale=(width / box.width, height / box.height),
            out_height=height,
            out_width=width,
        )
        words = pack(mask)
        words.flags.writeable = False
        return words
