"""gIoU, cIoU, N-acc, T-acc and Pr@X as a torchmetrics metric, so that counters add up across processes (Sec. 4.1)."""

import math
from collections.abc import Iterable

import torch

from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.protocols import Protocol, SampleScore
from grisq.runtime.torchvision_guard import ensure_torchvision_imports

ensure_torchvision_imports()  # torchmetrics imports torchvision

from torchmetrics import Metric  # noqa: E402

PRECISION_AT = (0.7, 0.8, 0.9)


class GRISMetrics(Metric):
    """Accumulates `SampleScore`s of one protocol.

    gIoU = mean IoU over all samples, where a no-target sample called so counts 1 (Sec. 4.1)
    cIoU = sum of intersections / sum of unions
    N-acc = TP_no / (TP_no + FN_no), T-acc = the same for samples with a target
    Pr@X = share of samples with a target whose IoU is at least X; one that was called no-target has IoU 0
    """

    full_state_update = False

    def __init__(self, protocol: Protocol):
        super().__init__()
        self.protocol = protocol
        integers = torch.int64  # unions of a large split do not fit 32 bits
        self.add_state("intersection", torch.zeros((), dtype=integers), dist_reduce_fx="sum")
        self.add_state("union", torch.zeros((), dtype=integers), dist_reduce_fx="sum")
        self.add_state("samples", torch.zeros(3, dtype=integers), dist_reduce_fx="sum")
        self.add_state("right", torch.zeros(3, dtype=integers), dist_reduce_fx="sum")
        self.add_state("precise", torch.zeros(len(PRECISION_AT), dtype=integers), dist_reduce_fx="sum")
        self.add_state("iou", torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, scores: SampleScore | Iterable[SampleScore]) -> None:
        """Add one sample's score, or several."""
        for one in [scores] if isinstance(scores, SampleScore) else scores:
            kind = min(max(one.target_count, 1), 2) if one.target_present else 0
            self.intersection += one.intersection
            self.union += one.union
            self.samples[kind] += 1
            self.right[kind] += int(one.predicted_present == one.target_present)
            self.iou[kind] += one.iou
            if one.target_present:
                found = one.iou if one.predicted_present else 0.0
                self.precise += torch.tensor([found >= least for least in PRECISION_AT], device=self.precise.device)

    def compute(self) -> dict[str, float]:
        """Percentages by name, and the numbers of samples they rest on (`n_no_target`, `n_single`, `n_multi`).

        A share of nothing is nan, not 0 as in ReLA's evaluator: a split without no-target samples says nothing
        about N-acc.
        """
        n, right, iou = self.samples.tolist(), self.right.tolist(), self.iou.tolist()
        targeted = n[1] + n[2]
        values = {
            "gIoU": _percent(sum(iou), sum(n)),
            "cIoU": _percent(int(self.intersection), int(self.union), self.protocol.epsilon),
            "N-acc": _percent(right[0], n[0]),
            "T-acc": _percent(right[1] + right[2], targeted),
        }
        values |= {f"Pr@{x}": _percent(int(p), targeted) for x, p in zip(PRECISION_AT, self.precise)}
        values |= {"IoU single": _percent(iou[1], n[1]), "IoU multi": _percent(iou[2], n[2])}
        return values | {f"n_{kind}": count for kind, count in zip(("no_target", "single", "multi"), n)}


class AccuracyByScenario(Metric):
    """Share of correct presence and plurality decisions by kind of sample, in percent (Fig. 5b needs the latter).

    Plurality is taken from its head alone, whatever the presence head says; no-target samples have none.
    """

    def __init__(self):
        super().__init__()
        self.add_state("right", torch.zeros(2, 3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("seen", torch.zeros(2, 3, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, head: int, kind: int, right: bool) -> None:
        """head: 0 presence, 1 plurality; kind: index into SCENARIOS."""
        self.right[head, kind] += int(right)
        self.seen[head, kind] += 1

    def compute(self) -> dict[str, float]:
        """{"presence no-target": ..., "plurality single-target": ...} for what was seen."""
        return {
            f"{name} {kind}": 100 * float(self.right[h, k]) / int(self.seen[h, k])
            for h, name in enumerate(("presence", "plurality"))
            for k, kind in enumerate(SCENARIOS)
            if self.seen[h, k] > 0
        }


def _percent(part: float, whole: float, epsilon: float = 0.0) -> float:
    return 100 * part / (whole + epsilon) if whole else math.nan
