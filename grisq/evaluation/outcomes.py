"""What a model predicted for the expressions of a split, and what each of them adds to the sums behind every metric."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from grisq.config.answer import THRESHOLD
from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.protocols import (
    DIAGNOSTICS,
    PROTOCOLS,
    PixelCounts,
    Protocol,
    Scores,
    score_counts,
)

Rule = Literal["head", "pixels", "truth"]
# Who decides on presence, as in "rela@truth".
RULES = {"head": PROTOCOLS["rela"], "pixels": DIAGNOSTICS["rela-pixels"], "truth": DIAGNOSTICS["rela-truth"]}

# The columns: what a sample adds to the sums of its scenario. A metric is the ratio of two of these sums.
COLUMNS: dict[str, Callable[[Scores], np.ndarray]] = {
    "iou": lambda scores: scores.iou,
    "samples": lambda scores: np.ones_like(scores.iou),
    "intersection": lambda scores: scores.intersection,
    "union": lambda scores: scores.union,
    "right": lambda scores: scores.predicted_present == scores.target_present,
    "iou>=0.5": lambda scores: scores.predicted_present & (scores.iou >= 0.5),
    "iou>=0.6": lambda scores: scores.predicted_present & (scores.iou >= 0.6),
    "iou>=0.7": lambda scores: scores.predicted_present & (scores.iou >= 0.7),
    "iou>=0.8": lambda scores: scores.predicted_present & (scores.iou >= 0.8),
    "iou>=0.9": lambda scores: scores.predicted_present & (scores.iou >= 0.9),
}


def add_up(scores: Scores, groups: np.ndarray | None = None) -> np.ndarray:
    """Add up the columns of N samples by scenario, for each group of samples by itself.

    All columns but "iou" count samples or pixels, so their sums are exact in float64 (below 2^53) and equal in any
    order.

    Args:
        scores: of N samples.
        groups: number 0 ... G - 1 of each sample's group, (N,); None: all are one group.

    Returns:
        (G, scenarios, columns) float64, in the order of SCENARIOS and COLUMNS.
    """
    rows = np.stack([np.atleast_1d(column(scores)) for column in COLUMNS.values()], axis=-1).astype(float)  # (N, C)
    groups = np.zeros(len(rows), dtype=int) if groups is None else np.asarray(groups)
    total = np.zeros((int(groups.max(initial=0)) + 1, len(SCENARIOS), len(COLUMNS)))
    np.add.at(total, (groups, np.atleast_1d(scores.scenario)), rows)
    return total


def round_down(probability: float) -> float:
    """Four decimals, rounded down, so that no probability below one half becomes one half."""
    return math.floor(probability * 1e4) / 1e4


@dataclass(frozen=True)
class Outcomes:
    """The predictions for N expressions, with masks compared at one resolution."""

    target_count: np.ndarray  # (N,) annotated objects
    counts: PixelCounts  # of the masks before the presence decision, each (N,)
    presence: np.ndarray | None  # (N,) probability; None for a model without presence head

    def scores(self, protocol: Protocol, threshold: float = THRESHOLD) -> Scores:
        """Score every expression under a protocol, if a presence of at least `threshold` counts as "present".

        A model without presence head is scored with the 50-pixel rule where the protocol asks the head.
        """
        rules, present = protocol, None
        if self.presence is None:
            rules = protocol.without_head()
        else:
            present = self.presence >= threshold
        return score_counts(self.counts, target_count=self.target_count, predicted_present=present, protocol=rules)


class Samples(msgspec.Struct, forbid_unknown_fields=True):
    """The predictions for every expression of a split, column by column, as a result file stores them."""

    row: list[int]  # of the data set's table of expressions
    image: list[int]  # id of the picture
    target_count: list[int]  # annotated objects
    predicted: list[int]  # pixels of the predicted mask before the presence decision, at the 480x480 of `rela`
    annotated: list[int]  # pixels of the annotated mask
    intersection: list[int]  # pixels in both masks
    presence: list[float] | None  # probability; None for a model without this head
    plurality: list[float] | None  # probability; None for a model without this head
    # For each annotated object of the expression, in the order of its annotations; None where it was not recorded.
    instance_pixels: list[list[int]] | None = None  # pixels of its mask
    instance_covered: list[list[int]] | None = None  # pixels of it that the predicted mask covers

    def outcomes(self) -> Outcomes:
        """Return the same as arrays."""
        area = np.full(len(self.row), PROTOCOLS["rela"].square ** 2)
        pixels = (np.array(column, dtype=np.int64) for column in (self.predicted, self.annotated, self.intersection))
        presence = None if self.presence is None else np.array(self.presence, dtype=float)
        return Outcomes(np.array(self.target_count, dtype=np.int64), PixelCounts(*pixels, area), presence)

    def scores(self, rule: Rule = "head", threshold: float = THRESHOLD) -> Scores:
        """Score every expression under `rela` with that presence rule; without a head the 50-pixel rule replaces it."""
        return self.outcomes().scores(RULES[rule], threshold)
