"""R-RefCOCO's metrics, which group the expressions by their ref: a mask is robust if false expressions leave it empty.

Of a ref, some expressions are true and others were changed so that they mean nothing in the picture. After Wu et al.,
"Towards Robust Referring Image Segmentation" (2024), with two differences. Their evaluator tests the sum of a ref's
IoUs so far against the thresholds of Pr@X, so its Pr@X is too high; here each expression is tested by itself. And it
counts the pixels of masks for false expressions at the network's output size, those for true ones at the picture's;
here both have one size.
"""

from typing import NamedTuple

import numpy as np

from grisq.evaluation.protocols import PixelCounts, Scores


class Robustness(NamedTuple):
    """Means over refs, in percent; nan where no ref has such expressions."""

    miou: float  # of the mean IoU of a ref's true expressions
    r: float  # of the share of a ref's false expressions whose mask is empty
    riou: float  # of a ref's intersections over its unions and the pixels drawn for its false expressions


def robustness(counts: PixelCounts, scores: Scores, ref_ids: np.ndarray) -> Robustness:
    """Compute the metrics of N expressions under the protocol `rrefcoco`.

    Args:
        counts: pixels of the masks, (N,) each.
        scores: of the same expressions.
        ref_ids: ref of each, (N,).
    """
    _, group = np.unique(ref_ids, return_inverse=True)
    true = np.asarray(scores.target_present, dtype=bool)
    drawn = np.where(scores.predicted_present, counts.predicted, 0)

    def by_ref(values: np.ndarray) -> np.ndarray:
        return np.bincount(group, np.asarray(values, dtype=float), minlength=group.max(initial=-1) + 1)

    positives, negatives = by_ref(true), by_ref(~true)
    pixels = by_ref(np.where(true, scores.union, drawn))
    return Robustness(
        _mean(by_ref(np.where(true, scores.iou, 0)), positives),
        _mean(by_ref(~true & ~scores.predicted_present), negatives),
        _mean(by_ref(np.where(true, scores.intersection, 0)), np.where(positives > 0, pixels, 0)),
    )


def _mean(above: np.ndarray, below: np.ndarray) -> float:
    """The mean of the quotients, in percent, over the refs that have one."""
    kept = below > 0
    return float(100 * (above[kept] / below[kept]).mean()) if kept.any() else float("nan")
