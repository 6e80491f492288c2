"""From a row of the table to pixels, tokens and labels, and from samples to a batch (Sec. 3.4, 4.2)."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.data.letterbox import Letterbox
from grisq.data.pictures import has_shape, open_picture
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.runtime.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FILL = tuple(round(255 * mean) for mean in IMAGENET_MEAN)  # padding: 0 after normalization
NO_PLURALITY = -1  # label of samples without target: neither one nor several


@dataclass
class Sample:
    """One slot of a batch, S = side of the canvas.

    image (S, S, 3) uint8 RGB; valid (S, S) bool, False on padding; mask (S, S) bool; tokens: ids; target_count:
    annotated objects meant; letterbox: of the whole picture, None for a mosaic; row: of the expression table,
    -1 where the slot was synthesized; plurality_weight: see `grisq.augment.sampler.Slot`, None: an equal share of
    this batch.
    """

    image: np.ndarray
    valid: np.ndarray
    mask: np.ndarray
    tokens: list[int]
    text: str
    target_count: int
    letterbox: Letterbox | None = None
    row: int = -1
    plurality_weight: float | None = None


@dataclass
class Batch:
    """Samples stacked. images (B, 3, S, S) uint8; valid, masks (B, S, S) bool; tokens (B, T) long, token_mask
    (B, T) bool; presence (B,) long, 1 = present; plurality (B,) long, 1 = several, NO_PLURALITY without target;
    plurality_weight (B,) float, 0 without target; samples: the parts that are not tensors."""

    images: Tensor
    valid: Tensor
    masks: Tensor
    tokens: Tensor
    token_mask: Tensor
    presence: Tensor
    plurality: Tensor
    plurality_weight: Tensor
    samples: list[Sample]

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> "Batch":
        """A copy with every tensor on the device."""
        moved = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)

    def pin_memory(self) -> "Batch":
        """Called by a DataLoader that pins memory, so that copies to a GPU overlap with its work."""
        pinned = {f.name: v.pin_memory() for f in fields(self) if isinstance(v := getattr(self, f.name), Tensor)}
        return replace(self, **pinned)

    def inputs(self) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """What GRISQ.forward takes: normalized image, valid or None if nothing is padded, tokens, token_mask."""
        return *normalize(self.images, self.valid), self.tokens, self.token_mask


def normalize(images: Tensor, valid: Tensor) -> tuple[Tensor, Tensor | None]:
    """ImageNet normalization, on the device, zero in the padding. (B, 3, S, S) uint8 -> float32 and valid or None."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1) * 255
    std = torch.tensor(IMAGENET_STD, device=images.device).view(3, 1, 1) * 255
    scaled = (images.float() - mean) / std
    if bool(valid.all()):
        return scaled, None
    return scaled * valid[:, None], valid


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
    width, height = box.fitted_width, box.fitted_height
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    canvas[y : y + height, x : x + width] = np.asarray(picture)
    valid[y : y + height, x : x + width] = True


def empty_canvas(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A canvas of padding: pixels (S, S, 3) uint8 and valid (S, S) bool, all False."""
    return np.full((side, side, 3), FILL, dtype=np.uint8), np.zeros((side, side), dtype=bool)


@dataclass
class SampleReader:
    """Reads pictures, masks and tokens of one data set at one canvas size. Cheap to pickle into workers."""

    data: GRefCOCO
    tokenizer: ExpressionTokenizer
    side: int
    max_tokens: int

    def picture(self, image_id: int, side: int) -> tuple[Image.Image, Letterbox]:
        """A picture and how it is fitted into a square of that side.

        Errors: InputError if the file is missing, broken, or not of the annotated size.
        """
        info = self.data.image(image_id)
        return open_annotated(self.data, image_id, near=side), Letterbox(info.width, info.height, side)

    def target_mask(self, ann_ids: tuple[int, ...], box: Letterbox, side: int, x: int = 0, y: int = 0) -> np.ndarray:
        """Union of the targets, rasterized after the geometry so that small ones survive. -> (side, side) bool."""
        if not ann_ids:
            return np.zeros((side, side), dtype=bool)
        return masks.rasterize(
            self.data.segmentations(ann_ids),
            box.height,
            box.width,
            scale=box.scale,
            offset=(x, y),
            out_height=side,
            out_width=side,
        )

    def read(self, row: int) -> Sample:
        """The sample of one expression as annotated."""
        expression = self.data.expression(row)
        picture, box = self.picture(expression.image_id, self.side)
        image, valid = empty_canvas(self.side)
        place(image, valid, picture, box, 0, 0)
        return Sample(
            image=image,
            valid=valid,
            mask=self.target_mask(expression.ann_ids, box, self.side),
            tokens=self.tokenizer.encode(expression.text, self.max_tokens),
            text=expression.text,
            target_count=expression.target_count,
            letterbox=box,
            row=row,
        )


def collate(samples: list[Sample], pad_id: int = 0) -> Batch:
    """Stack samples; tokens are padded to the longest expression of this batch."""
    longest = max(len(sample.tokens) for sample in samples)
    tokens = torch.full((len(samples), longest), pad_id, dtype=torch.long)
    for line, sample in zip(tokens, samples):
        line[: len(sample.tokens)] = torch.tensor(sample.tokens)
    lengths = torch.tensor([len(sample.tokens) for sample in samples])
    counts = torch.tensor([sample.target_count for sample in samples])
    present = counts > 0
    equal = 1 / max(int(present.sum()), 1)
    weights = [equal if sample.plurality_weight is None else sample.plurality_weight for sample in samples]
    return Batch(
        images=torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2).contiguous(),
        valid=torch.from_numpy(np.stack([sample.valid for sample in samples])),
        masks=torch.from_numpy(np.stack([sample.mask for sample in samples])),
        tokens=tokens,
        token_mask=torch.arange(longest) < lengths[:, None],
        presence=present.long(),
        plurality=torch.where(present, (counts > 1).long(), NO_PLURALITY),
        plurality_weight=torch.tensor(weights) * present,
        samples=[replace(sample, image=None, valid=None, mask=None) for sample in samples],
    )


@dataclass
class Collate:
    """`collate` with the tokenizer's padding id, picklable for data workers."""

    pad_id: int

    def __call__(self, samples: list[Sample]) -> Batch:
        return collate(samples, self.pad_id)
