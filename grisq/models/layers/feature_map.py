"""A map of features and where the picture lies in it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class FeatureMap:
    """One level of a vision encoder or of a decoder."""

    features: Tensor  # (B, H_i, W_i, C_i)
    valid: Tensor | None  # (B, H_i, W_i) bool, False in the padding; None if nothing is padded

    @property
    def size(self) -> tuple[int, int]:
        """(H_i, W_i)."""
        return tuple(self.features.shape[1:3])

    @property
    def flat_valid(self) -> Tensor | None:
        """`valid` for the flattened positions, (B, H_i*W_i), or None."""
        return None if self.valid is None else self.valid.flatten(1)
