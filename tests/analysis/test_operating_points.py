import numpy as np
import pytest

from grisq.analysis.operating_points import operating_points
from grisq.evaluation.metrics import ScoreSums
from grisq.evaluation.protocols import PROTOCOLS, score
from grisq.runtime.errors import InputError


def test_each_threshold_is_judged_as_the_evaluation_does():
    """Against ReLA's protocol on masks of 1,000 pixels, one expression after the other."""
    rng = np.random.default_rng(0)
    presence, iou, target = rng.random(30).round(2), rng.integers(0, 1001, 30) / 1000, rng.random(30) < 0.6
    thresholds = np.array([0.0, 0.25, 0.5, 0.8, 1.01])
    found = operating_points(presence, iou, target, thresholds)
    for place, threshold in enumerate(thresholds):
        meter = ScoreSums(PROTOCOLS["rela"])
        for p, value, there in zip(presence, iou, target):
            annotated, drawn = np.full(1000, there), np.arange(1000) < round(1000 * value)
            facts = {"target_count": int(there), "predicted_present": bool(p >= threshold)}
            meter.update(score(drawn, annotated, protocol=PROTOCOLS["rela"], **facts))
        expected = meter.compute()
        assert found.n_acc[place] == pytest.approx(expected["N-acc"])
        assert found.t_acc[place] == pytest.approx(expected["T-acc"])
        assert found.giou[place] == pytest.approx(expected["gIoU"])


@pytest.mark.parametrize("target", [np.ones(3, bool), np.zeros(3, bool)])
def test_one_kind_alone_has_no_such_points(target):
    with pytest.raises(InputError, match="with and without a target"):
        operating_points(np.ones(3), np.ones(3), target, np.array([0.5]))
