"""For engineers: a picture and an expression in, a mask and two answers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from grisq import checkpoint
from grisq.data.letterbox import Letterbox
from grisq.data.sample import Batch, Sample, collate, empty_canvas, open_picture, place
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.device import autocast, pick_device
from grisq.errors import InputError
from grisq.evaluate import Decision, decide
from grisq.files import clear_disk_errors
from grisq.model.system import System
from grisq.overlay import overlay
from grisq.paths import SHIPPED
from grisq.protocols import PROTOCOLS

Picture = str | Path | Image.Image | np.ndarray
MASK_COLOUR = (213, 94, 0)  # Okabe-Ito's vermillion


@dataclass(frozen=True)
class Prediction:
    """What an expression means in a picture.

    mask (H, W) bool at the picture's own size, empty if nothing is meant; presence: probability that anything
    is; plurality: probability that it is several, None if the model has no such head; raw_mask: the mask before
    the presence decision emptied it.
    """

    picture: Image.Image
    text: str
    mask: np.ndarray
    raw_mask: np.ndarray
    presence: float
    plurality: float | None
    threshold: float = 0.5

    @property
    def present(self) -> bool:
        return self.presence >= self.threshold

    @property
    def number(self) -> str | None:
        """ "one" or "several", None if the model has no plurality head."""
        if self.plurality is None:
            return None
        return "several" if self.plurality >= 0.5 else "one"

    @property
    def answer(self) -> str:
        """ "nothing", "one" or "several"; "present" if the model has no plurality head."""
        return (self.number or "present") if self.present else "nothing"

    def describe(self) -> str:
        """One sentence: `'two dogs': present (0.98), several (0.97), 12.3 % of the picture`."""
        if not self.present:
            return f"{self.text!r}: nothing meant is in the picture (presence {self.presence:.2f})"
        number = ""
        if self.plurality is not None:
            number = f", {self.number} ({max(self.plurality, 1 - self.plurality):.2f})"
        return f"{self.text!r}: present ({self.presence:.2f}){number}, {100 * self.mask.mean():.1f} % of the picture"

    def overlay(self, *, raw: bool = False) -> Image.Image:
        """The picture with what is meant outlined and the rest faded; `raw`: whatever the presence head says."""
        return Image.fromarray(overlay(np.asarray(self.picture), self.raw_mask if raw else self.mask, MASK_COLOUR))

    def save(self, path: str | Path) -> Path:
        """Write the overlay as a picture; a name ending in `.mask.png` gets the bare mask (0 and 255) instead.

        Errors: InputError if the ending is unknown or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            raise InputError(f"{path} must end in .png, .jpg or .mask.png.")
        is_mask = path.name.endswith(".mask.png")
        with clear_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            (Image.fromarray(self.mask.astype(np.uint8) * 255) if is_mask else self.overlay()).save(path)
        return path

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """In a notebook: the overlay, with the sentence as text and as alternative text."""
        data, metadata = self.overlay()._repr_png_(), {"image/png": {"alt": self.describe()}}
        return {"image/png": data, "text/plain": self.describe()}, metadata


class Segmenter:
    """A trained model ready for pictures: `Segmenter.from_pretrained(folder)(picture, "two dogs")`."""

    def __init__(
        self,
        model: System,
        tokenizer: ExpressionTokenizer,
        *,
        device: str = "auto",
        precision: str = "auto",
        threshold: float = 0.5,
    ):
        self.device, self.precision, self.threshold = pick_device(device), precision, threshold
        self.model, self.tokenizer = model.to(self.device).eval(), tokenizer

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None, **options) -> "Segmenter":
        """From a checkpoint, or from the folder of a training run (its best checkpoint).

        Without a folder: the trained `tiny` model that comes with the project (see the card in data/models/tiny).
        Options: device, precision, threshold (of the presence probability). Errors: InputError.
        """
        loaded = checkpoint.load(SHIPPED if folder is None else folder)
        return cls(loaded.model, loaded.tokenizer, **options)

    def __call__(self, picture: Picture, text: str | Sequence[str]) -> Prediction | list[Prediction]:
        """Segment what an expression means; a list of expressions gives a list.

        picture: a path, a PIL image, or an array (H, W, 3) uint8 RGB or (H, W) grey. Several expressions on one
        picture go through the model as one batch and share the patch embedding and the first Swin stage; from
        there on the words are part of the picture's features, so nothing more can be shared.
        Errors: InputError for what is not a picture or has no words.
        """
        picture = read_picture(picture)
        texts = [text] if isinstance(text, str) else list(text)
        if not texts:
            return []
        batch, box = self._batch(picture, texts)
        image, valid, tokens, token_mask = batch.to(self.device).inputs()
        with torch.inference_mode(), autocast(self.device, self.precision):
            output = self.model(image[:1], None if valid is None else valid[:1], tokens, token_mask)
        predictions = [self._prediction(picture, one, decision, box) for one, decision in zip(texts, decide(output))]
        return predictions[0] if isinstance(text, str) else predictions

    def _batch(self, picture: Image.Image, texts: list[str]) -> tuple[Batch, Letterbox]:
        config = self.model.config
        box = Letterbox(*picture.size, config.image_size)
        image, valid = empty_canvas(config.image_size)
        place(image, valid, picture, box, 0, 0)
        empty = np.zeros_like(valid)
        limit = config.text.max_tokens_mosaic
        samples = [
            Sample(image, valid, empty, self.tokenizer.encode(text, limit), text, target_count=0) for text in texts
        ]
        return collate(samples, self.tokenizer.pad_id), box

    def _prediction(self, picture: Image.Image, text: str, decision: Decision, box: Letterbox) -> Prediction:
        raw = (box.to_picture(decision.difference) > 0).numpy()
        presence = decision.presence
        if presence is None:  # a model without presence head: the 50-pixel rule of Sec. 4.1
            presence = float(PROTOCOLS["rela"].enough_pixels(raw))
        mask = raw if presence >= self.threshold else np.zeros_like(raw)
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
