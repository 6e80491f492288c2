"""gIoU, cIoU, N-acc, T-acc, Pr@X and MCC from sums, which add up over batches, pictures and processes (Sec. 4.1)."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grisq.config.answer import THRESHOLD, check_threshold
from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.outcomes import COLUMNS, add_up
from grisq.evaluation.protocols import PixelCounts, Protocol, Scores, score_counts
from grisq.evaluation.protocols import protocol as find_protocol
from grisq.runtime.errors import InputError
from grisq.runtime.torchvision_guard import ensure_torchvision_imports

ensure_torchvision_imports()  # torchmetrics imports torchvision

from torchmetrics import Metric  # noqa: E402

NO_TARGET, SINGLE, MULTI = range(len(SCENARIOS))


class Ratio(NamedTuple):
    """A metric: the sum of one column over the sum of another, over the samples of some scenarios."""

    numerator: str  # of COLUMNS
    denominator: str  # of COLUMNS
    scenarios: tuple[int, ...] = (NO_TARGET, SINGLE, MULTI)


# gIoU: mean IoU over all samples, where a no-target sample classified as such counts 1. cIoU: sum of intersections over
# sum of unions. N-acc and T-acc: share of samples without and with a target whose presence decision is right. Pr@X:
# share of samples with a target whose IoU is at least X; one that is classified as no-target does not count. IoU
# targeted, single and multi: mean IoU of the samples with a target, with one and with several, missed ones counting 0.
METRICS = {
    "gIoU": Ratio("iou", "samples"),
    "cIoU": Ratio("intersection", "union"),
    "N-acc": Ratio("right", "samples", (NO_TARGET,)),
    "T-acc": Ratio("right", "samples", (SINGLE, MULTI)),
    "Pr@0.5": Ratio("iou>=0.5", "samples", (SINGLE, MULTI)),
    "Pr@0.6": Ratio("iou>=0.6", "samples", (SINGLE, MULTI)),
    "Pr@0.7": Ratio("iou>=0.7", "samples", (SINGLE, MULTI)),
    "Pr@0.8": Ratio("iou>=0.8", "samples", (SINGLE, MULTI)),
    "Pr@0.9": Ratio("iou>=0.9", "samples", (SINGLE, MULTI)),
    "IoU targeted": Ratio("iou", "samples", (SINGLE, MULTI)),
    "IoU single": Ratio("iou", "samples", (SINGLE,)),
    "IoU multi": Ratio("iou", "samples", (MULTI,)),
}
MCC = "MCC"  # no ratio of two sums, but a function of them: see `matthews`


def metric_of(sums: np.ndarray, name: str, epsilon: float = 0.0) -> np.ndarray:
    """Compute one of METRICS, or MCC, in percent from sums (..., scenarios, columns). -> (...)

    A share of nothing is nan, not 0 as in ReLA's evaluator: a split without no-target samples says nothing about N-acc.
    `epsilon` is added to a denominator that counts pixels, as GSVA's evaluator does.
    """
    if name == MCC:
        return matthews(sums)
    numerator, denominator, scenarios = METRICS[name]
    above, below = (_column(sums, column, scenarios) for column in (numerator, denominator))
    shifted = below + epsilon * (denominator == "union")
    return np.divide(100 * above, shifted, out=np.full(np.shape(above), np.nan), where=below > 0)


def metrics_of(sums: np.ndarray, epsilon: float = 0.0) -> dict[str, np.ndarray]:
    """Compute every metric in percent from sums (..., scenarios, columns), by name; see `metric_of`."""
    return {name: metric_of(sums, name, epsilon) for name in (*METRICS, MCC)}


def matthews(sums: np.ndarray) -> np.ndarray:
    """Compute Matthews' correlation of predicted and annotated presence, times 100. (..., scenarios, columns) -> (...)

    100 is perfect, -100 always wrong. One answer for every sample has 0, whichever it is, where "never present" has an
    N-acc of 100 and "always present" a T-acc of 100. It is nan where the samples are all targeted or all no-target.
    (SAM 3 reports it as the image-level MCC of presence.)
    """
    right, samples = (
        [_column(sums, name, scenarios) for scenarios in ((SINGLE, MULTI), (NO_TARGET,))]
        for name in ("right", "samples")
    )
    hits, rejections = right
    misses, false_alarms = samples[0] - hits, samples[1] - rejections
    square = (hits + misses) * (rejections + false_alarms) * (hits + false_alarms) * (rejections + misses)
    above = 100 * (hits * rejections - misses * false_alarms)
    found = np.divide(above, np.sqrt(square), out=np.zeros(np.shape(above)), where=square > 0)
    return np.where((samples[0] > 0) & (samples[1] > 0), found, np.nan)


def giou_at_share(n_acc: float | np.ndarray, targeted: float | np.ndarray, no_target: float) -> float | np.ndarray:
    """Restate gIoU for a split with another share of no-target expressions.

    gIoU(pi) = pi * N-acc + (1 - pi) * mean IoU of the targeted samples

    Args:
        n_acc: N-acc in percent.
        targeted: the metric "IoU targeted" in percent. `targeted_iou` gets it from a published gIoU.
        no_target: pi, the share of no-target expressions, 0 to 1.

    Returns:
        The gIoU in percent that the same answers would have, if only the share changed: expressions of either kind
        must be as hard there as here, and the threshold must stay.
    """
    return no_target * n_acc + (1 - no_target) * targeted


def targeted_iou(giou: float | np.ndarray, n_acc: float | np.ndarray, no_target: float) -> float | np.ndarray:
    """Compute the mean IoU of the targeted samples in percent: `giou_at_share` solved for it, with 0 <= pi < 1."""
    return (giou - no_target * n_acc) / (1 - no_target)


def _column(sums: np.ndarray, column: str, scenarios: tuple[int, ...]) -> np.ndarray:
    return sums[..., list(scenarios), list(COLUMNS).index(column)].sum(-1)


class ScoreSums(Metric):
    """Adds up the columns of samples scored under one protocol; processes add up theirs when it is computed."""

    full_state_update = False

    def __init__(self, protocol: Protocol, **options):
        super().__init__(**options)
        self.protocol = protocol
        zeros = torch.zeros(len(SCENARIOS), len(COLUMNS), dtype=torch.float64)
        self.add_state("sums", zeros, dist_reduce_fx="sum")

    def update(self, scores: Scores) -> None:
        """Add the scores of one sample or of several."""
        self.sums += torch.from_numpy(add_up(scores)[0]).to(self.sums.device)

    def compute(self) -> dict[str, float]:
        """Return METRICS and MCC in percent, and the numbers of samples behind them (`n_no_target` and so on)."""
        total = self.sums.cpu().numpy()
        values = {name: float(value) for name, value in metrics_of(total, self.protocol.epsilon).items()}
        samples = [int(_column(total, "samples", (scenario,))) for scenario in (NO_TARGET, SINGLE, MULTI)]
        return values | {f"n_{name}": n for name, n in zip(("no_target", "single", "multi"), samples)}


class GRISMetrics(ScoreSums):
    """The metrics of this task for predictions as tensors, in anybody's loop.

    Masks are compared as they are given, so give them at the protocol's resolution: 480 x 480 for `rela`.

    Args:
        protocol: the rules, or their name.
        threshold: least probability of a pixel of the mask, and of presence.
        **options: of torchmetrics' `Metric`.
    """

    def __init__(self, protocol: Protocol | str = "rela", *, threshold: float = THRESHOLD, **options):
        super().__init__(find_protocol(protocol) if isinstance(protocol, str) else protocol, **options)
        check_threshold(threshold)
        self.threshold = threshold

    def update(
        self, preds: Tensor, target: Tensor, presence: Tensor | None = None, target_count: Tensor | None = None
    ) -> None:
        """Add B expressions.

        Args:
            preds: predicted masks (B, H, W), bool, or probabilities from 0 to 1, before the presence decision.
            target: annotated masks (B, H, W), bool or 0 and 1.
            presence: predicted probability that there is a target (B,), or the decision as bool; without it the
                50-pixel rule decides (Sec. 4.1).
            target_count: number of annotated objects (B,); without it an expression whose mask has a pixel has one,
                so "single" and "multi" are not told apart.

        Raises:
            InputError: if shapes do not fit, or if values lie outside of 0 to 1.
        """
        preds, target = _mask(preds, "preds", self.threshold), _mask(target, "target", THRESHOLD)
        if preds.shape != target.shape or preds.ndim != 3:
            raise InputError(
                f"preds has the shape {tuple(preds.shape)} and target {tuple(target.shape)}: give both as (B, H, W)."
            )
        for name, each in (("presence", presence), ("target_count", target_count)):
            if each is not None and each.shape != preds.shape[:1]:
                raise InputError(
                    f"{name} has the shape {tuple(each.shape)}: give one value for each of {len(preds)} masks."
                )
        counts = [each.flatten(1).sum(1).cpu().numpy() for each in (preds, target, preds & target)]
        area = np.full(len(preds), preds.shape[1] * preds.shape[2])
        count = (counts[1] > 0).astype(int) if target_count is None else target_count.cpu().numpy()
        decided = None if presence is None else _mask(presence, "presence", self.threshold).cpu().numpy()
        rules = self.protocol.without_head() if presence is None else self.protocol
        super().update(
            score_counts(PixelCounts(*counts, area), target_count=count, predicted_present=decided, protocol=rules)
        )


def _mask(values: Tensor, name: str, threshold: float) -> Tensor:
    """Bool as it is, numbers from 0 to 1 by the threshold."""
    if values.dtype == torch.bool:
        return values
    if values.numel() and not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError(f"{name} has values outside of 0 to 1: give bool or probabilities, logits through a sigmoid.")
    return values >= threshold


class AccuracyByScenario(Metric):
    """Share of right decisions of the presence and plurality heads by scenario, in percent (Fig. 5b needs the latter).

    Plurality is taken from its head alone, whatever the presence head predicts; no-target samples have none.
    """

    full_state_update = False

    def __init__(self, **options):
        super().__init__(**options)
        zeros = torch.zeros(2, len(SCENARIOS), dtype=torch.int64)  # presence, plurality
        self.add_state("right", zeros, dist_reduce_fx="sum")
        self.add_state("seen", zeros.clone(), dist_reduce_fx="sum")

    def update(self, head: int, scenarios: np.ndarray, right: np.ndarray) -> None:
        """Add decisions of one head.

        Args:
            head: 0 presence, 1 plurality.
            scenarios: index into SCENARIOS of each sample, (N,).
            right: whether the head's decision is right, (N,) bool.
        """
        for state, weights in ((self.right, right), (self.seen, np.ones_like(right))):
            counts = np.bincount(scenarios, weights, minlength=len(SCENARIOS)).astype(np.int64)
            state[head] += torch.from_numpy(counts).to(state.device)

    def compute(self) -> dict[str, float]:
        """Return {"presence no-target": ..., "plurality single-target": ...} for the scenarios that occurred."""
        return {
            f"{name} {scenario}": 100 * float(self.right[h, s]) / int(self.seen[h, s])
            for h, name in enumerate(("presence", "plurality"))
            for s, scenario in enumerate(SCENARIOS)
            if self.seen[h, s] > 0
        }
