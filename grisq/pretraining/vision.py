"""Trunks learn what stands where: the category and the color of every position, without any expression.

What ImageNet is to the paper's Swin (Sec. 4.2), the drawings are to these. `pretext="image"` is ImageNet's own
question, what is in the picture, for comparison.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from grisq.config import Preset
from grisq.data.sample import normalize
from grisq.models.layers.padding import mean_over
from grisq.pretraining.labels import BACKGROUND, IGNORED, STRIDE, Labeled, LabeledPictures, Names
from grisq.pretraining.schedule import PretrainConfig, key_of, train
from grisq.pretraining.trunks import build_trunk, weights_of
from grisq.runtime.device import resolve_device
from grisq.runtime.seed import generator, seed_everything

Pretext = Literal["dense", "image"]
_PYRAMID = 64  # channels of the head that is thrown away afterwards
_BACKGROUND_WEIGHT = 0.3  # four of five positions are background, and it is soon known
_COLOR_WEIGHT = 0.7


class VisionAccuracy(NamedTuple):
    """Shares that are right: of held-out positions on objects; for `pretext="image"` of all names, absent ones too."""

    classes: float
    colors: float


class PretextModel(nn.Module):
    """A trunk with a small feature pyramid and a linear classifier over it.

    Shapes: image (B, 3, S, S) normalized, valid (B, S, S) bool or None -> logits of classes (B, S/4, S/4, K + 1) and
    colors (B, S/4, S/4, colors); with pretext "image" (B, K + 1) and (B, colors).

    Args:
        trunk: gives levels of features, see `grisq.pretraining.trunks`.
        names: what there is to tell apart.
        pretext: what it learns.
    """

    def __init__(self, trunk: nn.Module, names: Names, pretext: Pretext):
        super().__init__()
        self.trunk, self.pretext = trunk, pretext
        self.norms = nn.ModuleList(nn.LayerNorm(C) for C in trunk.channels)
        self.laterals = nn.ModuleList(nn.Linear(C, _PYRAMID) for C in trunk.channels)
        self.hidden = nn.Linear(_PYRAMID if pretext == "dense" else trunk.channels[-1], 96)
        self.classes = nn.Linear(96, len(names.classes) + 1)
        self.colors = nn.Linear(96, len(names.colors))

    def forward(self, image: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        levels = self.trunk(image, valid)
        features = [norm(level.features) for norm, level in zip(self.norms, levels)]
        if self.pretext == "image":
            h = F.gelu(self.hidden(mean_over(features[-1].flatten(1, 2), levels[-1].flat_valid)))
        else:
            size = (image.shape[-2] // STRIDE, image.shape[-1] // STRIDE)
            h = F.gelu(self.hidden(self._pyramid(features, size)))
        return self.classes(h), self.colors(h)

    def _pyramid(self, features: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Sum of all levels at stride 4. -> (B, *size, channels)."""
        x = None
        for level, lateral in reversed(list(zip(features, self.laterals))):
            here = lateral(level).permute(0, 3, 1, 2)
            x = here if x is None else here + F.interpolate(x, size=here.shape[-2:], mode="bilinear")
        if x.shape[-2:] != size:
            x = F.interpolate(x, size=size, mode="bilinear")
        return x.permute(0, 2, 3, 1)


def loss_of(logits: tuple[Tensor, Tensor], labels: Labeled, pretext: Pretext) -> Tensor:
    """Cross-entropy of classes and colors over all positions; of their presence in the picture for "image"."""
    classes, colors = logits
    if pretext == "image":
        wanted = (present(labels.classes, classes.shape[-1]), present(labels.colors, colors.shape[-1]))
        return sum(F.binary_cross_entropy_with_logits(*pair) for pair in zip(logits, wanted))
    weight = classes.new_ones(classes.shape[-1])
    weight[BACKGROUND] = _BACKGROUND_WEIGHT
    of_classes = F.cross_entropy(classes.flatten(0, 2), labels.classes.flatten(), weight, ignore_index=IGNORED)
    return of_classes + _COLOR_WEIGHT * F.cross_entropy(
        colors.flatten(0, 2), labels.colors.flatten(), ignore_index=IGNORED
    )


def present(labels: Tensor, count: int) -> Tensor:
    """Which labels occur in each picture. (B, H, W) long -> (B, count) float."""
    flat = labels.flatten(1)
    found = F.one_hot(flat.clamp(min=0), count) * (flat != IGNORED)[..., None]
    return found.amax(1).float()


def pretrain_trunk(
    name: str,
    preset: Preset,
    pictures: LabeledPictures,
    held_out: LabeledPictures,
    names: Names,
    config: PretrainConfig,
    state: Path,
    *,
    pretext: Pretext = "dense",
    device: str = "cpu",
    progress: bool = True,
) -> tuple[dict[str, Tensor], VisionAccuracy]:
    """Train a trunk; a stopped training of the same schedule, sizes and data resumes from the file `state`.

    Args:
        name: of the trunk, a key of `TRUNKS`.
        preset: gives its sizes.
        pictures: to learn from.
        held_out: to measure it on.
        names: what there is to tell apart.
        config: the schedule.
        state: file from which a stopped training resumes.
        pretext: what it learns.
        device: auto, cpu, cuda, cuda:1, mps.
        progress: whether to draw a bar.

    Returns:
        The trunk's weights on the CPU, under the names that timm and transformers give them, and its accuracy on the
        held-out pictures.
    """
    seed_everything(config.seed)
    where = resolve_device(device)
    model = PretextModel(build_trunk(name, preset), names, pretext).to(where)
    sizes = [tuple(parameter.shape) for parameter in model.parameters()]
    key = key_of(config, name, pretext, sizes, names, pictures.side, pictures.data.content_hash)

    def losses(done: int) -> Iterator[Tensor]:
        for read in _batches(pictures, config, done):
            batch = Labeled(*(tensor.to(where, non_blocking=True) for tensor in read))
            yield loss_of(model(normalize(batch.images, batch.valid), batch.valid), batch, pretext)

    train(model, config, state, key, losses, what=f"{name}, {pretext}", progress=progress)
    accuracy = measure(model, held_out, config.batch)
    return weights_of(model.cpu().trunk), accuracy


def _batches(pictures: LabeledPictures, config: PretrainConfig, done: int) -> Iterator[Labeled]:
    """The batches of the steps from `done` on; each is a function of (seed, step)."""
    draws = []
    for step in range(done, config.steps):
        rng = generator(config.seed, step)
        numbers, mirrored = rng.integers(len(pictures), size=config.batch), rng.random(config.batch) < 0.5
        draws.append(list(zip(numbers.tolist(), mirrored.tolist())))
    return iter(DataLoader(pictures, batch_sampler=draws, num_workers=config.workers))


@torch.no_grad()
def measure(model: PretextModel, pictures: LabeledPictures, batch: int) -> VisionAccuracy:
    """Accuracy on pictures, unmirrored."""
    model.eval()
    device = next(model.parameters()).device
    right, seen = np.zeros(2), np.zeros(2)
    draws = [(number, False) for number in range(len(pictures))]
    for read in DataLoader(pictures, batch_size=batch, sampler=draws):
        labels = Labeled(*(tensor.to(device) for tensor in read))
        for i, (logits, wanted) in enumerate(
            zip(model(normalize(labels.images, labels.valid), labels.valid), (labels.classes, labels.colors))
        ):
            if model.pretext == "image":
                counted = torch.ones_like(logits, dtype=torch.bool)
                hits = (logits > 0) == (present(wanted, logits.shape[-1]) > 0)
            else:
                counted = (wanted != IGNORED) & (labels.classes != BACKGROUND)
                hits = logits.argmax(-1) == wanted
            right[i] += int((hits & counted).sum())
            seen[i] += int(counted.sum())
    return VisionAccuracy(*(right / seen).tolist())
