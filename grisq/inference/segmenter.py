"""A trained model at work: a picture and an expression in; a mask, presence and plurality out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from grisq import checkpoint
from grisq.config.answer import THRESHOLD
from grisq.data.letterbox import Letterbox
from grisq.data.sample import Batch, Sample, collate, empty_canvas, place
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.evaluation.protocols import PROTOCOLS
from grisq.inference.picture_input import Picture, read_picture
from grisq.inference.prediction import Prediction
from grisq.models.base import Decision, System
from grisq.runtime.device import autocast, resolve_device, resolve_precision
from grisq.runtime.errors import InputError
from grisq.runtime.paths import BUNDLED_MODEL


class Segmenter:
    """A trained model ready to predict: `Segmenter.from_pretrained(folder)(picture, "two dogs")`."""

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
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold must lie from 0 to 1, not at {threshold}: it is a probability.")
        self.device = resolve_device(device)
        self.threshold, self.mask_threshold = threshold, mask_threshold
        self.precision = resolve_precision(precision, self.device)
        self.least_difference = math.log(mask_threshold / (1 - mask_threshold))
        self.model, self.tokenizer = model.to(self.device).eval(), tokenizer

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None, **options) -> "Segmenter":
        """Load a model.

        Args:
            folder: a checkpoint or a training run; by default the bundled model (see the card in data/models/tiny).
            **options: `device`, as auto, cpu or cuda:1; `precision`, as fp32, bf16 (half precision, also on CPUs) or
                auto (bf16 on GPUs); `threshold`, the least probability of presence; `mask_threshold`, the least
                probability of a pixel of the mask. A model without presence head has no probability of presence:
                the 50-pixel rule (Sec. 4.1) decides on the mask, and presence is 1 or 0.

        Raises:
            InputError: for a missing or broken checkpoint, or a wrong option.
        """
        loaded = checkpoint.load(BUNDLED_MODEL if folder is None else folder)
        return cls(loaded.model, loaded.tokenizer, **options)

    def __call__(self, picture: Picture, text: str | Sequence[str]) -> Prediction | list[Prediction]:
        """Segment what an expression means; a list of expressions gives a list.

        Several expressions about one picture go through the model as one batch, and share what the system computes
        before the words meet the picture: for those on Swin the patch embedding and the first stage.

        Args:
            picture: a path, a PIL image, or an array: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16, or
                floats of 0 to 1 or 0 to 255.
            text: one expression, or several.

        Raises:
            InputError: for what is not a picture, and for a text without words.
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
        """Segment many (picture, expression) pairs in order, `batch` at a time; no more than a batch is in memory.

        Raises InputError for what is not a picture or has no words, once its batch is asked for.
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
        presence, by_area = decision.presence, decision.presence is None
        if by_area:  # a model without presence head: the 50-pixel rule of Sec. 4.1
            presence = float(PROTOCOLS["rela"].enough_pixels(raw))
        decided = replace(decision, presence=presence, threshold=self.threshold)
        mask = raw if decided.present else np.zeros_like(raw)
        return Prediction(picture, text, mask, raw, presence, decision.plurality, self.threshold, by_area)
