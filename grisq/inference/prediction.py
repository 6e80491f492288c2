"""What a model says of an expression and a picture, ready to be read, looked at, or written to a file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from grisq.config.answer import THRESHOLD, Answer
from grisq.data import masks
from grisq.inference.overlay import overlay
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, write_text

MASK_COLOR = (213, 94, 0)  # Okabe-Ito's vermillion


@dataclass(frozen=True)
class Prediction(Answer):
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
    threshold: float = THRESHOLD

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
        return Image.fromarray(overlay(np.asarray(self.picture), self.raw_mask if raw else self.mask, MASK_COLOR))

    def to_coco(self, image_id: int | str | None = None) -> dict:
        """As one entry of COCO's results format: segmentation (compressed RLE), bbox (x, y, width, height), area, score
        (presence), and beside them caption, presence and plurality. image_id: of the picture in your instances file."""
        rle = masks.encode(self.mask)
        entry = {
            "caption": self.text,
            "category_id": 1,  # evaluators of COCO's format want one
            "segmentation": rle,
            "bbox": masks.box_of(rle),
            "area": int(self.mask.sum()),
            "score": self.presence,
            "present": self.present,
            "plurality": self.plurality,
        }
        return entry if image_id is None else {"image_id": image_id} | entry

    def save(self, path: str | Path) -> Path:
        """Write the overlay as a picture (.png, .jpg), the bare mask, 0 and 255 (.mask.png), or `to_coco` (.json).

        Errors: InputError if the ending is unknown or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() == ".json":
            write_text(path, json.dumps(self.to_coco()))
            return path
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            raise InputError(f"{path} must end in .png, .jpg, .mask.png or .json.")
        is_mask = path.name.endswith(".mask.png")
        with clear_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            (Image.fromarray(self.mask.astype(np.uint8) * 255) if is_mask else self.overlay()).save(path)
        return path

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """In a notebook: the overlay, with the sentence as text and as alternative text."""
        data, metadata = self.overlay()._repr_png_(), {"image/png": {"alt": self.describe()}}
        return {"image/png": data, "text/plain": self.describe()}, metadata
