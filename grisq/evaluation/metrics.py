"""gIoU, cIoU, N-acc, T-acc and Pr@X as ratios of sums, which add up over batches, pictures and processes (Sec. 4.1)."""

from typing import NamedTuple

import numpy as np
import torch

from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.outcomes import COLUMNS, add_up
from grisq.evaluation.protocols import Protocol, Scores
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
# share of samples with a target whose IoU is at least X; one that is classified as no-target does not count.
METRICS = {
    "gIoU": Ratio("iou", "samples"),
    "cIoU": Ratio("intersection", "union"),
    "N-acc": Ratio("right", "samples", (NO_TARGET,)),
    "T-acc": Ratio("right", "samples", (SINGLE, MULTI)),
    "Pr@0.7": Ratio("iou>=0.7", "samples", (SINGLE, MULTI)),
    "Pr@0.8": Ratio("iou>=0.8", "samples", (SINGLE, MULTI)),
    "Pr@0.9": Ratio("iou>=0.9", "samples", (SINGLE, MULTI)),
    "IoU single": Ratio("iou", "samples", (SINGLE,)),
    "IoU multi": Ratio("iou", "samples", (MULTI,)),
}


def metric_of(sums: np.ndarray, name: str, epsilon: float = 0.0) -> np.ndarray:
    """Compute one metric in percent from sums (..., scenarios, columns). -> (...)

    A share of nothing is nan, not 0 as in ReLA's evaluator: a split without no-target samples says nothing about N-acc.
    `epsilon` is added to a denominator that counts pixels, as GSVA's evaluator does.
    """
    numerator, denominator, scenarios = METRICS[name]
    above, below = (_column(sums, column, scenarios) for column in (numerator, denominator))
    shifted = below + epsilon * (denominator == "union")
    return np.divide(100 * above, shifted, out=np.full(np.shape(above), np.nan), where=below > 0)


def metrics_of(sums: np.ndarray, epsilon: float = 0.0) -> dict[str, np.ndarray]:
    """Compute every metric in percent from sums (..., scenarios, columns), by name; see `metric_of`."""
    return {name: metric_of(sums, name, epsilon) for name in METRICS}


def _column(sums: np.ndarray, column: str, scenarios: tuple[int, ...]) -> np.ndarray:
    return sums[..., list(scenarios), list(COLUMNS).index(column)].sum(-1)


class GRISMetrics(Metric):
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
        """Return METRICS in percent, and the numbers of samples that they rest on (`n_no_target` and so on)."""
        total = self.sums.cpu().numpy()
        values = {name: float(value) for name, value in metrics_of(total, self.protocol.epsilon).items()}
        samples = [int(_column(total, "samples", (scenario,))) for scenario in (NO_TARGET, SINGLE, MULTI)]
        return values | {f"n_{name}": n for name, n in zip(("no_target", "single", "multi"), samples)}


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
