"""From a row of the table to pixels, tokens and labels, and from samples to a batch (Sec. 3.4, 4.2)."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from grisq.config.normalization import IMAGENET_MEAN, IMAGENET_STD
from grisq.data import masks
from grisq.data.grefcoco import Expression, GRefCOCO
from grisq.data.instances import InstanceBatch, InstanceReader, Instances, stack
from grisq.data.letterbox import Letterbox
from grisq.data.pictures import has_shape, open_picture
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.runtime.byte_cache import ByteCache
from grisq.runtime.constants import constant
from grisq.runtime.errors import InputError

FILL = tuple(round(255 * mean) for mean in IMAGENET_MEAN)  # padding: 0 after normalization
NO_PLURALITY = -1  # label of samples without target: neither one nor several


@dataclass
class Sample:
    """One slot of a batch; S is the side of the canvas."""

    image: np.ndarray  # (S, S, 3) uint8 RGB; in memory one plane for each color, see `empty_canvas`
    valid: np.ndarray  # (S, S) bool, False on padding
    mask: np.ndarray  # (S, S) bool, union of the targets
    tokens: list[int]  # ids, with [CLS] and [SEP]
    text: str
    target_count: int  # annotated objects that the text means
    letterbox: Letterbox | None = None  # of the whole picture; None for a mosaic
    image_id: int | None = None  # of the picture; None for a mosaic
    instances: Instances | None = None  # all objects of the picture, for systems that learn from them
    row: int = -1  # of the expression table; -1 where the slot was synthesized
    plurality_weight: float | None = None  # see `grisq.augment.sampler.Slot`; None: an equal share of this batch


@dataclass
class Batch:
    """Samples stacked; B samples, S the side of the canvas, T tokens of the longest expression."""

    images: Tensor  # (B, 3, S, S) uint8
    valid: Tensor  # (B, S, S) bool, False on padding
    masks: Tensor  # (B, S, S) bool
    tokens: Tensor  # (B, T) long
    token_mask: Tensor  # (B, T) bool, False on padding
    presence: Tensor  # (B,) long, 1 = present
    plurality: Tensor  # (B,) long, 1 = several, NO_PLURALITY without target
    plurality_weight: Tensor  # (B,) float, 0 without target
    samples: list[Sample]  # what is no tensor: text, letterbox, row
    instances: InstanceBatch | None = None  # for systems that learn from them
    padded: bool = True  # False says that all of `valid` is True; known here, nobody has to ask the device

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> "Batch":
        """A copy with every tensor on the device."""
        moved = {
            field.name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor | InstanceBatch)
        }
        return replace(self, **moved)

    def pin_memory(self) -> "Batch":
        """Pin every tensor, so that copies to a GPU overlap with its work; DataLoader calls this."""
        movable = Tensor | InstanceBatch
        pinned = {f.name: v.pin_memory() for f in fields(self) if isinstance(v := getattr(self, f.name), movable)}
        return replace(self, **pinned)

    def inputs(self) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """A system's arguments: normalized image, valid (None if nothing is padded), tokens and token_mask."""
        valid = self.valid if self.padded else None
        return normalize(self.images, valid), valid, self.tokens, self.token_mask


def normalize(images: Tensor, valid: Tensor | None) -> Tensor:
    """ImageNet normalization, on the device, zero in the padding.

    Shapes: images (B, 3, S, S) uint8, valid (B, S, S) bool or None if nothing is padded -> (B, 3, S, S) float32.
    """
    mean, std = (255 * constant(each, device=images.device).view(3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
    scaled = (images - mean).div_(std)  # in place: a large new tensor costs more than the division
    return scaled if valid is None else scaled.mul_(valid[:, None])


def open_annotated(data: GRefCOCO, image_id: int, near: int | None = None) -> Image.Image:
    """A picture of a data set in the frame that its masks have.

    That is the upright one, unless instances.json has the size of the stored pixels and not the upright size.

    Args:
        data: the data set.
        image_id: of the picture.
        near: a JPEG much larger than this side may be decoded at a reduced size.

    Raises:
        InputError: the file is missing, broken, or has neither shape.
    """
    info, path = data.image(image_id), data.image_path(image_id)
    picture = open_picture(path, near=near)
    if has_shape(picture.size, info.width, info.height):
        return picture
    if has_shape(picture.size[::-1], info.width, info.height):
        stored = open_picture(path, near=near, upright=False)
        if has_shape(stored.size, info.width, info.height):
            return stored
    raise InputError(
        f"{path} has the shape {picture.width}x{picture.height} but instances.json says {info.width}x{info.height} for "
        f"image {image_id}: the annotations belong to another picture."
    )


def place(canvas: np.ndarray, valid: np.ndarray, picture: Image.Image, box: Letterbox, x: int, y: int) -> None:
    """Draw the picture letterboxed with its corner at (x, y) of the canvas, and mark it valid. In place."""
    paste(canvas, valid, np.asarray(_resized(picture, box)), x, y)


def paste(canvas: np.ndarray, valid: np.ndarray, pixels: np.ndarray, x: int, y: int) -> None:
    """Draw pixels (H, W, 3) with their corner at (x, y) of the canvas, and mark them valid. In place."""
    height, width = pixels.shape[:2]
    canvas[y : y + height, x : x + width] = pixels
    valid[y : y + height, x : x + width] = True


def _resized(picture: Image.Image, box: Letterbox) -> Image.Image:
    size = (box.fitted_width, box.fitted_height)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BILINEAR)


def empty_canvas(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A canvas of padding: pixels (S, S, 3) uint8 and valid (S, S) bool, all False.

    Each color is a plane of its own in memory, as the model takes it: reordering the bytes of a whole batch takes
    longer than stacking it.
    """
    return _planes(side).copy().transpose(1, 2, 0), np.zeros((side, side), dtype=bool)


@lru_cache(maxsize=4)
def _planes(side: int) -> np.ndarray:
    """Padding as (3, S, S) uint8, to be copied."""
    return np.stack([np.full((side, side), value, dtype=np.uint8) for value in FILL])


@dataclass
class SampleReader:
    """Reads pictures, masks and tokens of one data set at one canvas size. Cheap to pickle into workers.

    With a cache, what was read once is not read again: pictures at the size of the canvas or of a mosaic's cell, masks
    as bits, tokens. Samples are the same, and their arrays belong to the caller. A data worker has a cache of its own,
    which starts empty and has the same limit. Pictures are taken to stay as they are on the disk. The objects of a
    picture (`with_instances`) are drawn anew every time.
    """

    data: GRefCOCO
    tokenizer: ExpressionTokenizer
    side: int  # of the canvas, in pixels
    max_tokens: int  # longer expressions are cut
    cache_bytes: int = 0  # to keep in memory at most; 0: no cache
    with_instances: bool = False  # whether samples carry all objects of their pictures

    def __post_init__(self):
        self._cache = ByteCache(self.cache_bytes)
        self._instances = InstanceReader(self.data) if self.with_instances else None

    def picture(self, image_id: int, side: int) -> tuple[Image.Image, Letterbox]:
        """Open a picture, and say how it is fitted into a square of that side.

        Raises:
            InputError: the file is missing, broken, or not of the annotated size.
        """
        info = self.data.image(image_id)
        return open_annotated(self.data, image_id, near=side), Letterbox(info.width, info.height, side)

    def fitted(self, image_id: int, side: int) -> tuple[np.ndarray, Letterbox]:
        """Read a picture at the size at which it fits into a square of that side.

        Returns:
            Pixels (fitted height, fitted width, 3) uint8, read-only, and the letterbox.

        Raises:
            InputError: as `picture`.
        """
        return self._cache.get(("picture", image_id, side), lambda: self._fit(image_id, side))

    def expression(self, row: int) -> Expression:
        """One row of the table of expressions."""
        return self._cache.get(("row", row), lambda: self.data.expression(row))

    def tokens(self, text: str, max_tokens: int) -> list[int]:
        """Tokenize an expression of the data set: ids with [CLS] and [SEP]. Raises InputError if it is empty."""
        key = ("tokens", text, max_tokens)
        return list(self._cache.get(key, lambda: tuple(self.tokenizer.encode(text, max_tokens, annotated=True))))

    def target_mask(self, ann_ids: tuple[int, ...], box: Letterbox, side: int, x: int = 0, y: int = 0) -> np.ndarray:
        """Draw the union of the targets, after the geometry so that small ones survive. -> (side, side) bool."""
        if not ann_ids:
            return np.zeros((side, side), dtype=bool)
        if not self.cache_bytes:
            return self._draw(ann_ids, box, side, x, y)
        key = ("mask", ann_ids, box.width, box.height, box.side, side, x, y)
        bits = self._cache.get(key, lambda: np.packbits(self._draw(ann_ids, box, side, x, y)))
        return np.unpackbits(bits, count=side * side).view(bool).reshape(side, side)

    def instances(
        self, image_id: int, meant: tuple[int, ...], box: Letterbox, side: int, x: int = 0, y: int = 0
    ) -> Instances | None:
        """All objects of a picture on a canvas, or None if samples do not carry them."""
        return self._instances and self._instances.read(image_id, meant, box, side, x, y)

    def read(self, row: int) -> Sample:
        """Read one expression as annotated."""
        expression = self.expression(row)
        pixels, box = self.fitted(expression.image_id, self.side)
        image, valid = empty_canvas(self.side)
        paste(image, valid, pixels, 0, 0)
        return Sample(
            image=image,
            valid=valid,
            mask=self.target_mask(expression.ann_ids, box, self.side),
            tokens=self.tokens(expression.text, self.max_tokens),
            text=expression.text,
            target_count=expression.target_count,
            letterbox=box,
            image_id=expression.image_id,
            instances=self.instances(expression.image_id, expression.ann_ids, box, self.side),
            row=row,
        )

    def _fit(self, image_id: int, side: int) -> tuple[np.ndarray, Letterbox]:
        picture, box = self.picture(image_id, side)
        planes = np.ascontiguousarray(np.asarray(_resized(picture, box)).transpose(2, 0, 1))
        planes.flags.writeable = False
        return planes.transpose(1, 2, 0), box

    def _draw(self, ann_ids: tuple[int, ...], box: Letterbox, side: int, x: int, y: int) -> np.ndarray:
        return masks.rasterize(
            self.data.segmentations(ann_ids),
            box.height,
            box.width,
            scale=box.scale,
            offset=(x, y),
            out_height=side,
            out_width=side,
        )


def collate(samples: list[Sample], pad_id: int = 0) -> Batch:
    """Stack samples; tokens are padded to the longest expression of the batch."""
    lengths = np.array([len(sample.tokens) for sample in samples])
    tokens = np.full((len(samples), lengths.max()), pad_id, dtype=np.int64)
    for line, sample in zip(tokens, samples):
        line[: len(sample.tokens)] = sample.tokens
    counts = torch.tensor([sample.target_count for sample in samples])
    present = counts > 0
    equal = 1 / max(int(present.sum()), 1)
    valid = np.stack([sample.valid for sample in samples])
    weights = [equal if sample.plurality_weight is None else sample.plurality_weight for sample in samples]
    return Batch(
        images=torch.from_numpy(np.stack([sample.image.transpose(2, 0, 1) for sample in samples])),
        valid=torch.from_numpy(valid),
        masks=torch.from_numpy(np.stack([sample.mask for sample in samples])),
        tokens=torch.from_numpy(tokens),
        token_mask=torch.from_numpy(np.arange(tokens.shape[1]) < lengths[:, None]),
        presence=present.long(),
        plurality=torch.where(present, (counts > 1).long(), NO_PLURALITY),
        plurality_weight=torch.tensor(weights) * present,
        samples=[replace(sample, image=None, valid=None, mask=None, instances=None) for sample in samples],
        instances=stack(objects) if all(objects := [sample.instances for sample in samples]) else None,
        padded=not valid.all(),
    )


@dataclass
class Collate:
    """`collate` with the tokenizer's padding id, picklable for data workers."""

    pad_id: int

    def __call__(self, samples: list[Sample]) -> Batch:
        return collate(samples, self.pad_id)
