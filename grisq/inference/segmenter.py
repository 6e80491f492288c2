"""For engineers: a picture and an expression in, a mask and two answers out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from grisq import checkpoint
from grisq.config.answer import THRESHOLD
from grisq.data.letterbox import Letterbox
from grisq.data.sample import Batch, Sample, collate, empty_canvas, open_picture, place
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.evaluation.protocols import PROTOCOLS
from grisq.inference.prediction import Prediction
from grisq.models.base import Decision, System
from grisq.runtime.device import autocast, resolve_device
from grisq.runtime.errors import InputError
from grisq.runtime.paths import SHIPPED

PRECISIONS = ("auto", "fp32", "bf16")
Picture = str | Path | Image.Image | np.ndarray


class Segmenter:
    """A trained model ready for pictures: `Segmenter.from_pretrained(folder)(picture, "two dogs")`."""

    def __init__(
        self,
        model: System,
        tokenizer: ExpressionTokenizer,
        *,
        device: str = "auto",
        precision: str = "auto",
        threshold: float = THRESHOLD,
        mask_threshold: float = THRESHOLD,
    ):
        if not 0 < mask_threshold < 1:
            raise InputError(f"mask_threshold must lie between 0 and 1, not at {mask_threshold}: it is a probability.")
        if precision not in PRECISIONS:  # float16 is left out: a hundred times slower than float32 on CPUs
            raise InputError(f"The precision cannot be {precision!r}: choose fp32, bf16 or auto.")
        self.device, self.precision, self.threshold = resolve_device(device), precision, threshold
        self.least_difference = math.log(mask_threshold / (1 - mask_threshold))
        self.model, self.tokenizer = model.to(self.device).eval(), tokenizer

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None, **options) -> "Segmenter":
        """From a checkpoint, or from the folder of a training run (its best checkpoint).

        Without a folder: the trained `tiny` model that comes with the project (see the card in data/models/tiny).
        Options: device; precision: "fp32", "bf16" (half precision, also on CPUs) or "auto" (bf16 on GPUs); threshold:
        least probability of presence; mask_threshold: least probability of a pixel. Errors: InputError.
        """
        loaded = checkpoint.load(SHIPPED if folder is None else folder)
        return cls(loaded.model, loaded.tokenizer, **options)

    def __call__(self, picture: Picture, text: str | Sequence[str]) -> Prediction | list[Prediction]:
        """Segment what an expression means; a list of expressions gives a list.

        picture: a path, a PIL image, or an array (H, W, 3) uint8 RGB or (H, W) gray. Several expressions on one
        picture go through the model as one batch and share the patch embedding and the first Swin stage; from
        there on the words are part of the picture's features, so nothing more can be shared.
        Errors: InputError for what is not a picture or has no words.
        """
        picture = read_picture(picture)
        texts = [text] if isinstance(text, str) else list(text)
        if not texts:
            return []
        box = Letterbox(*picture.size, self.model.config.image_size)
        batch = self._batch([(picture, one) for one in texts]).to(self.device)
        image, valid, *words = self.model.inputs(batch)
        with torch.inference_mode(), autocast(self.device, self.precision):
            output = self.model(image[:1], None if valid is None else valid[:1], *words)
        predictions = [self._prediction(picture, one, decision, box) for one, decision in zip(texts, output.decide())]
        return predictions[0] if isinstance(text, str) else predictions

    def many(self, jobs: Iterable[tuple[Picture, str]], *, batch: int = 8) -> Iterator[Prediction]:
        """Segment many (picture, expression) pairs, `batch` at a time, in order; no more than a batch is in memory.

        Errors: InputError for what is not a picture or has no words, once its batch is asked for.
        """
        jobs = iter(jobs)
        while some := [(read_picture(picture), text) for picture, text in islice(jobs, batch)]:
            with torch.inference_mode(), autocast(self.device, self.precision):
                output = self.model(*self.model.inputs(self._batch(some).to(self.device)))
            for (picture, text), decision in zip(some, output.decide()):
                box = Letterbox(*picture.size, self.model.config.image_size)
                yield self._prediction(picture, text, decision, box)

    def _batch(self, jobs: Sequence[tuple[Image.Image, str]]) -> Batch:
        return collate([self._sample(picture, text) for picture, text in jobs], self.tokenizer.pad_id)

    def _sample(self, picture: Image.Image, text: str) -> Sample:
        side, limit = self.model.config.image_size, self.model.config.text.max_tokens_mosaic
        image, valid = empty_canvas(side)
        place(image, valid, picture, Letterbox(*picture.size, side), 0, 0)
        return Sample(image, valid, np.zeros_like(valid), self.tokenizer.encode(text, limit), text, target_count=0)

    def _prediction(self, picture: Image.Image, text: str, decision: Decision, box: Letterbox) -> Prediction:
        raw = (box.to_picture(decision.difference) > self.least_difference).numpy()
        presence = decision.presence
        if presence is None:  # a model without presence head: the 50-pixel rule of Sec. 4.1
            presence = float(PROTOCOLS["rela"].enough_pixels(raw))
        decided = replace(decision, presence=presence, threshold=self.threshold)
        mask = raw if decided.present else np.zeros_like(raw)
        return Prediction(picture, text, mask, raw, presence, decision.plurality, self.threshold)


def read_picture(picture: Picture) -> Image.Image:
    """An upright RGB image from a path, a PIL image or an array. Errors: InputError."""
    if isinstance(picture, str | Path):
        if str(picture).startswith(("http://", "https://")):
            raise InputError(f"{picture} is an address: download the picture and give the file.")
        return ImageOps.exif_transpose(open_picture(Path(picture)))
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
            raise InputError(
                f"An array of shape {picture.shape} and type {picture.dtype} is no picture: give (H, W, 3) uint8 RGB."
            )
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image):
        raise InputError(f"A {type(picture).__name__} is no picture: give a path, a PIL image or a uint8 array.")
    return ImageOps.exif_transpose(picture).convert("RGB")
