"""A prediction for one expression and one picture: to read, to look at, or to write to a file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from grisq.config.answer import THRESHOLD, Answer
from grisq.data import masks
from grisq.inference.overlay import overlay_picture
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_file, write_text

MASK_COLOR = (213, 94, 0)  # Okabe-Ito's vermillion
RAW_COLOR = (0, 0, 0)  # before the decision a mask is no answer yet, so its outline has the color of none


@dataclass(frozen=True)
class Prediction(Answer):
    """What an expression means in a picture, in the frame of the upright picture."""

    picture: Image.Image  # upright, RGB
    text: str  # the expression
    mask: np.ndarray  # (H, W) bool, of the picture's size; empty if no target is present
    raw_mask: np.ndarray  # (H, W) bool, the mask before the presence decision
    presence: float  # probability that there is a target; 1 or 0 without a presence head
    plurality: float | None  # probability that there are several; None without a plurality head
    threshold: float = THRESHOLD
    by_area: bool = False  # whether the mask's area decided on presence, for lack of a presence head

    def describe(self) -> str:
        """Return one sentence: `'two dogs': present (0.98), several (0.97), 12.3 % of the picture`.

        Without a presence head there is no probability of presence, and the rule that decided stands in its place.
        """
        if not self.present:
            reason = "50-pixel rule" if self.by_area else f"presence {self.presence:.2f}"
            return f"{self.text!r}: no target in the picture ({reason})"
        certainty = "50-pixel rule" if self.by_area else f"{self.presence:.2f}"
        number = ""
        if self.plurality is not None:
            number = f", {self.number} ({max(self.plurality, 1 - self.plurality):.2f})"
        return f"{self.text!r}: present ({certainty}){number}, {100 * self.mask.mean():.1f} % of the picture"

    def overlay(self, *, raw: bool = False) -> Image.Image:
        """Draw the target's outline and fade the rest; `raw` ignores the presence decision; its outline is black."""
        mask, color = (self.raw_mask, RAW_COLOR) if raw else (self.mask, MASK_COLOR)
        return overlay_picture(self.picture, mask, color)

    def to_coco(self, image_id: int | str | None = None) -> dict:
        """Return an entry of COCO's results format.

        It has segmentation (compressed RLE, of the upright picture), bbox (x, y, width, height), area and score (the
        probability of presence; 1 or 0 for a model without presence head), and in addition caption, present and
        plurality. `image_id` is the picture's id in your instances file.
        """
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
        """Write the overlay as a picture (.png, .jpg), the bare mask as 0 and 255 (.mask.png), or `to_coco` (.json).

        Raises InputError if the ending is unknown or the file cannot be written.
        """
        path = Path(path)
        check_ending(path)
        if path.suffix.lower() == ".json":
            write_text(path, json.dumps(self.to_coco()))
            return path
        is_mask = path.name.lower().endswith(".mask.png")
        drawn = Image.fromarray(self.mask.astype(np.uint8) * 255) if is_mask else self.overlay()
        with atomic_file(path) as partial:
            drawn.save(partial, format="PNG" if path.suffix.lower() == ".png" else "JPEG")
        return path

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Show the overlay in a notebook, with the sentence as text and as alternative text."""
        data, metadata = self.overlay()._repr_png_(), {"image/png": {"alt": self.describe()}}
        return {"image/png": data, "text/plain": self.describe()}, metadata


def check_ending(path: Path) -> None:
    """Raise InputError if `Prediction.save` has no format for the ending of a file name."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".json"):
        raise InputError(f"{path} must end in .png, .jpg, .mask.png or .json.")
