"""From pixel counts to a report: what predictions are worth under named protocols (Sec. 4.1)."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from sklearn.metrics import roc_auc_score

from grisq.config.answer import THRESHOLD, check_threshold
from grisq.data import statistics
from grisq.data.grefcoco import GRefCOCO
from grisq.data.scenarios import count_scenarios
from grisq.evaluation import intervals, robustness
from grisq.evaluation.intervals import Difference
from grisq.evaluation.metrics import MCC, giou_at_share, metric_of
from grisq.evaluation.outcomes import Outcomes, add_up
from grisq.evaluation.protocols import PROTOCOLS, Protocol, square_of
from grisq.evaluation.recall import recall_of
from grisq.evaluation.scoring import measurements
from grisq.evaluation.scoring.measurements import Measurements
from grisq.evaluation.scoring.report import OfProtocol, OfSplit, Presence, Report, Value
from grisq.runtime.errors import InputError

SHARES = (0.41, 0.626)  # of no-target expressions: the paper's val, as estimated, and today's file
GRID = np.arange(101) / 100  # presence thresholds of the curve
DIAGNOSED = PROTOCOLS["rela"]  # whose rules the threshold curve and the recall of objects follow

_TARGETED = ("IoU targeted", "IoU single", "IoU multi")
_SHOWN = {  # metrics of each protocol; their names in its literature, where they have others
    "rela": ("gIoU", "cIoU", "N-acc", "T-acc", "Pr@0.7", "Pr@0.8", "Pr@0.9", MCC, *_TARGETED),
    "original": ("gIoU", "cIoU", "N-acc", "T-acc", "Pr@0.7", "Pr@0.8", "Pr@0.9", MCC, *_TARGETED),
    "gsva": ("gIoU", "cIoU", "N-acc", "T-acc", MCC, *_TARGETED),
    "refzom": ("cIoU", "IoU targeted", "N-acc", "Pr@0.5", "Pr@0.6", "Pr@0.7", "Pr@0.8", "Pr@0.9"),
    "rrefcoco": ("cIoU", "Pr@0.5", "Pr@0.6", "Pr@0.7", "Pr@0.8", "Pr@0.9"),
}
_CALLED = {
    "refzom": {"cIoU": "oIoU", "IoU targeted": "mIoU", "N-acc": "Acc"},
    "rrefcoco": {"cIoU": "oIoU"},
}


def report(
    found: Measurements,
    data: GRefCOCO,
    protocols: Sequence[Protocol],
    *,
    threshold: float = THRESHOLD,
    shares: Sequence[float] = SHARES,
    other: Measurements | None = None,
    diagnosed: Protocol = DIAGNOSED,
) -> Report:
    """Score pixel counts under protocols.

    Args:
        found: of the predictions.
        data: the data set that they are about.
        protocols: the rules, whose sizes are among those of the counts.
        threshold: least probability of presence.
        shares: of no-target expressions, at which gIoU is restated.
        other: pixel counts of other predictions for the same expressions; differences to them are computed.
        diagnosed: rules of what is said beside the protocols.

    Raises:
        InputError: if the counts are of other data, if there are none, if the two are about different expressions or
            were counted by different rules, or if the threshold is not a probability.
    """
    check_threshold(threshold)
    for each in (found, other):
        if each is not None and each.data != data.content_hash:
            raise InputError(f"{each.source} was counted on other annotations than {data.root}: count it again.")
    if other is not None and not np.array_equal(found.row, other.row):
        raise InputError(
            f"{found.source} has {len(found.row):,} expressions and {other.source} {len(other.row):,}, and they are "
            "not the same ones: compare predictions of one split, and give both --missing nothing where "
            "some are left out."
        )
    if other is not None and not measurements.counted_alike(found, other):
        raise InputError(f"{found.source} and {other.source} were counted by different rules: count one of them again.")
    by_score = any(rules.presence in ("head", "head_or_empty") for rules in protocols)
    if other is not None and by_score and (other.presence is None) != (found.presence is None):
        raise InputError(
            f"One of {found.source} and {other.source} has scores and the other has none, so presence would be decided "
            "by different rules: give --decided-by pixels50."
        )
    if not len(found.row):
        raise InputError(f"{found.source} has no expression in this part: give fewer shards.")
    split_of = data.expressions["split"].to_numpy()[found.row]
    splits = {
        split: _of_split(found, other, split_of == split, data, protocols, threshold, shares, diagnosed)
        for split in found.splits
        if (split_of == split).any()
    }
    rules = {name: value for name, value in msgspec.to_builtins(found.rules).items() if name != "squares"}
    return Report(
        predictions=found.source,
        data=data.refs_hash,
        release=statistics.release_of(data),
        rules={"threshold": threshold, **rules},
        matching=found.matching,
        splits=splits,
        compared_with=None if other is None else other.source,
        matching_of_other=None if other is None else other.matching,
    )


def _of_split(
    found: Measurements,
    other: Measurements | None,
    chosen: np.ndarray,
    data: GRefCOCO,
    protocols: Sequence[Protocol],
    threshold: float,
    shares: Sequence[float],
    diagnosed: Protocol,
) -> OfSplit:
    rows = found.row[chosen]
    images = data.image_ids[rows]
    outcomes = found.outcomes(DIAGNOSED.square, chosen, data)
    return OfSplit(
        counts={"pictures": len(np.unique(images)), "expressions": len(rows)}
        | count_scenarios(data.target_counts[rows]),
        protocols={rules.name: _of_protocol(found, other, chosen, data, rules, threshold) for rules in protocols},
        giou_at_share=_at_shares(outcomes, diagnosed, threshold, shares),
        recall=_recall(found, chosen, outcomes),
        presence=_presence(outcomes) if diagnosed.presence == "head" else None,
    )


def _of_protocol(
    found: Measurements,
    other: Measurements | None,
    chosen: np.ndarray,
    data: GRefCOCO,
    rules: Protocol,
    threshold: float,
) -> OfProtocol:
    rows, square = found.row[chosen], square_of(rules)
    images, shown = data.image_ids[rows], _SHOWN[rules.name]
    outcomes = found.outcomes(square, chosen, data)
    scores = outcomes.scores(rules, threshold)
    sums = intervals.tally(images, scores)
    numbers = intervals.over_pictures(sums, shown, epsilon=rules.epsilon)
    exact = add_up(scores)[0]  # in the order of the rows, as `grisq eval` adds: the same to the last digit
    metrics = {
        _called(rules, name): Value(
            _number(metric_of(exact, name, rules.epsilon)), _number(each.low), _number(each.high)
        )
        for name, each in numbers.items()
    }
    if rules.name == "rrefcoco":
        refs = data.expressions["ref_id"].to_numpy()[rows]
        by_ref = robustness.robustness(outcomes.counts, scores, refs)
        metrics = {"mIoU": _plain(by_ref.miou), **metrics, "r": _plain(by_ref.r), "rIoU": _plain(by_ref.riou)}
    differences = {}
    if other is not None:
        less = intervals.tally(images, other.outcomes(square, chosen, data).scores(rules, threshold))
        paired = intervals.over_pictures(sums, shown, minus=less, epsilon=rules.epsilon)
        differences = {_called(rules, metric): _value(number) for metric, number in paired.items()}
    used = rules if found.presence is not None else rules.without_head()
    return OfProtocol(used.describe(), metrics, differences)


def _presence(outcomes: Outcomes) -> Presence | None:
    if outcomes.presence is None:
        return None
    has_target = outcomes.target_count > 0
    two_kinds = has_target.any() and not has_target.all()
    auroc = 100 * float(roc_auc_score(has_target, outcomes.presence)) if two_kinds else None
    sums = np.stack([add_up(outcomes.scores(DIAGNOSED, value))[0] for value in GRID])
    giou, n_acc, t_acc = (metric_of(sums, name) for name in ("gIoU", "N-acc", "T-acc"))
    best = int(giou.argmax())
    return Presence(
        auroc, GRID.tolist(), _listed(giou), _listed(n_acc), _listed(t_acc), float(GRID[best]), float(giou[best])
    )


def _at_shares(
    outcomes: Outcomes, rules: Protocol, threshold: float, shares: Sequence[float]
) -> dict[str, float | None]:
    sums = add_up(outcomes.scores(rules, threshold))[0]
    n_acc, targeted = (float(metric_of(sums, name)) for name in ("N-acc", "IoU targeted"))
    return {f"{share:g}": _number(giou_at_share(n_acc, targeted, share)) for share in shares}


def _recall(found: Measurements, chosen: np.ndarray, outcomes: Outcomes) -> dict[str, float | None]:
    places = np.flatnonzero(chosen)
    pixels, covered = ([values[i] for i in places] for values in (found.instance_pixels, found.instance_covered))
    by_mask = recall_of(outcomes.target_count, pixels, covered)
    named = {
        f"objects covered, {group} target{'' if group == '1' else 's'}": value
        for group, value in by_mask.objects.items()
    }
    named |= {"multi-target expressions with an object covered less than half": by_mask.incomplete}
    named |= {"multi-target expressions with an object not covered at all": by_mask.lost}
    if found.rules.repeated == "instances":
        objects, drawn, matched = outcomes.target_count.sum(), found.masks[chosen].sum(), found.matched[chosen].sum()
        named |= {
            "objects matched by a mask (IoU of at least 0.5)": 100 * matched / objects if objects else math.nan,
            "masks matched by an object (IoU of at least 0.5)": 100 * matched / drawn if drawn else math.nan,
        }
    return {name: _number(value) for name, value in named.items()}


def _called(rules: Protocol, metric: str) -> str:
    return _CALLED.get(rules.name, {}).get(metric, metric)


def _value(found: Difference) -> Value:
    return Value(_number(found.value), _number(found.low), _number(found.high))


def _plain(value: float) -> Value:
    return Value(_number(value))


def _number(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else float(value)


def _listed(values: np.ndarray) -> list[float | None]:
    return [_number(float(value)) for value in values]
