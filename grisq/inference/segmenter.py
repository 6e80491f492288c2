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
from grisq.config.answer import THRESHOLD, check_threshold
from grisq.data.letterbox import Letterbox
from grisq.data.sample import Batch, Sample, collate, empty_canvas, place
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.evaluation.protocols import PROTOCOLS
from grisq.inference.hub import find_model
from grisq.inference.picture_input import Picture, read_picture
from grisq.inference.prediction import Prediction
from grisq.models.base import Decision, System
from grisq.runtime.device import autocast, resolve_device, resolve_precision
from grisq.runtime.errors import InputError


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
        _check(threshold, mask_threshold)
        self.device = resolve_device(device)
        self.threshold, self.mask_threshold = threshold, mask_threshold
        self.precision = resolve_precision(precision, self.device)
        self.model, self.tokenizer = model.to(self.device).eval(), tokenizer

    @classmethod
    def from_pretrained(cls, model: str | Path | None = None, *, revision: str | None = None, **options) -> "Segmenter":
        """Load a model.

        Args:
            model: a checkpoint or a training run, or user/name on the Hugging Face Hub; by default the bundled model
                (see the card in data/models/tiny).
            revision: of a model on the hub: a branch, a tag or a commit.
            **options: `device`, as auto, cpu or cuda:1; `precision`, as fp32, bf16 (half precision, also on CPUs) or
                auto (bf16 on GPUs); `threshold`, the least probability of presence; `mask_threshold`, the least
                probability of a pixel of the mask. A model without presence head has no probability of presence:
                the 50-pixel rule (Sec. 4.1) decides on the mask, and presence is 1 or 0.

        Raises:
            InputError: for a missing or broken checkpoint, a model that the hub does not give, or a wrong option.
        """
        loaded = checkpoint.load(find_model(model, revision))
        return cls(loaded.model, loaded.tokenizer, **options)

    def __call__(
        self,
        picture: Picture,
        text: str | Sequence[str],
        *,
        threshold: float | None = None,
        mask_threshold: float | None = None,
        target_sizes: Sequence[tuple[int, int]] | None = None,
    ) -> Prediction | list[Prediction]:
        """Segment what an expression means; a list of expressions gives a list.

        Several expressions about one picture go through the model as one batch, and share what the system computes
        before the words meet the picture: for those on Swin the patch embedding and the first stage.

        Args:
            picture: a path, a PIL image, or an array: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16, or
                floats of 0 to 1 or 0 to 255.
            text: one expression, or several.
            threshold: least probability of presence; None: the segmenter's own.
            mask_threshold: least probability of a pixel of the mask; None: the segmenter's own.
            target_sizes: [(height, width)] of the mask, and of the picture that the prediction is drawn on; None: the
                picture's size. The names of these three are those of transformers' SAM 3.

        Raises:
            InputError: for what is not a picture, for a text without words, and for a wrong option.
        """
        settings = self._settings(threshold, mask_threshold)
        size = None if target_sizes is None else _one_size(target_sizes)
        picture = read_picture(picture)
        texts = [text] if isinstance(text, str) else list(text)
        if not texts:
            return []
        box = Letterbox(*picture.size, self.model.config.image_size)
        batch = self._batch([(picture, one) for one in texts]).to(self.device)
        image, valid, *words = self.model.inputs(batch)
        with torch.inference_mode(), autocast(self.device, self.precision):
            output = self.model(image[:1], None if valid is None else valid[:1], *words)
        decisions = zip(texts, output.decide())
        predictions = [self._prediction(picture, one, each, box, settings, size) for one, each in decisions]
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
                yield self._prediction(picture, text, decision, box, (self.threshold, self.mask_threshold))

    def _batch(self, jobs: Sequence[tuple[Image.Image, str]]) -> Batch:
        return collate([self._sample(picture, text) for picture, text in jobs], self.tokenizer.pad_id)

    def _sample(self, picture: Image.Image, text: str) -> Sample:
        side, limit = self.model.config.image_size, self.model.config.text.max_tokens_mosaic
        image, valid = empty_canvas(side)
        place(image, valid, picture, Letterbox(*picture.size, side), 0, 0)
        return Sample(image, valid, np.zeros_like(valid), self.tokenizer.encode(text, limit), text, target_count=0)

    def _settings(self, threshold: float | None, mask_threshold: float | None) -> tuple[float, float]:
        """The thresholds of one call."""
        chosen = self.threshold if threshold is None else threshold
        chosen_for_mask = self.mask_threshold if mask_threshold is None else mask_threshold
        _check(chosen, chosen_for_mask)
        return chosen, chosen_for_mask

    def _prediction(
        self,
        picture: Image.Image,
        text: str,
        decision: Decision,
        box: Letterbox,
        settings: tuple[float, float],
        size: tuple[int, int] | None = None,
    ) -> Prediction:
        threshold, mask_threshold = settings
        least_difference = math.log(mask_threshold / (1 - mask_threshold))
        raw = (box.to_picture(decision.difference, size) > least_difference).numpy()
        if raw.shape != picture.size[::-1]:
            picture = picture.resize(raw.shape[::-1])
        presence, by_area = decision.presence, decision.presence is None
        if by_area:  # a model without presence head: the 50-pixel rule of Sec. 4.1
            presence = float(PROTOCOLS["rela"].enough_pixels(raw))
        decided = replace(decision, presence=presence, threshold=threshold)
        mask = raw if decided.present else np.zeros_like(raw)
        return Prediction(picture, text, mask, raw, presence, decision.plurality, threshold, by_area)


def _check(threshold: float, mask_threshold: float) -> None:
    if not 0 < mask_threshold < 1:
        raise InputError(f"mask_threshold must lie between 0 and 1, not at {mask_threshold}: it is a probability.")
    check_threshold(threshold)


def _one_size(target_sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    sizes = [tuple(size) if isinstance(size, Sequence) else size for size in target_sizes]
    if len(sizes) != 1 or not isinstance(sizes[0], tuple) or len(sizes[0]) != 2 or min(sizes[0]) < 1:
        raise InputError(f"target_sizes must be [(height, width)] for one picture, not {target_sizes!r}.")
    return sizes[0]
