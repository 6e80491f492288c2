"""Letterbox: fit a picture into a square canvas, keep its shape, and find the way back (Sec. 4.2)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Letterbox:
    """A picture scaled to fit a square canvas, in its top-left corner.

    fitted_width x fitted_height pixels of the canvas are the picture, the rest is padding on the right or below.
    """

    width: int  # of the picture, in pixels
    height: int
    side: int  # of the canvas

    @property
    def fitted_width(self) -> int:
        return self._fit(self.width)

    @property
    def fitted_height(self) -> int:
        return self._fit(self.height)

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas pixels per picture pixel along x and y; they differ by rounding only."""
        return self.fitted_width / self.width, self.fitted_height / self.height

    def to_picture(self, values: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Map values on the canvas back to the picture: crop the valid part, resize bilinearly.

        Shapes: values (..., side, side) float -> (..., height, width), or (..., *size) for a size (H, W) of choice.
        """
        crop = values[..., : self.fitted_height, : self.fitted_width]  # (..., fitted_height, fitted_width)
        lead = crop.shape[:-2]
        crop = crop.reshape(1, -1, *crop.shape[-2:])  # interpolate takes (1, channels, height, width)
        size = (self.height, self.width) if size is None else size
        return F.interpolate(crop, size=size, mode="bilinear", align_corners=False).reshape(*lead, *size)

    def _fit(self, length: int) -> int:
        return max(1, round(length * self.side / max(self.width, self.height)))
