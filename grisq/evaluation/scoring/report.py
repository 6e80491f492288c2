"""What predictions are worth under named protocols: numbers with intervals, as a table, JSON, Markdown or a figure."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from grisq.config.answer import THRESHOLD
from grisq.data import statistics
from grisq.data.grefcoco import GRefCOCO
from grisq.data.scenarios import count_scenarios
from grisq.evaluation import intervals, robustness
from grisq.evaluation.intervals import Difference
from grisq.evaluation.markdown import markdown
from grisq.evaluation.metrics import MCC, giou_at_share, metric_of
from grisq.evaluation.outcomes import Outcomes, add_up
from grisq.evaluation.protocols import PROTOCOLS, Protocol, Scores, square_of
from grisq.evaluation.recall import recall_of
from grisq.evaluation.scoring import measurements
from grisq.evaluation.scoring.measurements import Measurements
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
_UNITS = "All numbers are percent, with 95 % bootstrap intervals over pictures."


class Value(msgspec.Struct, frozen=True):
    """A number in percent with its 95 % interval for other pictures; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def describe(self, digits: int = 1) -> str:
        """Return `71.3 (70.1 to 72.4)`, or a dash."""
        if self.value is None:
            return "–"
        text = f"{self.value:.{digits}f}"
        return text if self.low is None else f"{text} ({self.low:.{digits}f} to {self.high:.{digits}f})"


class Presence(msgspec.Struct, frozen=True):
    """What the probability of presence knows, whatever the threshold."""

    auroc: float | None  # percent: how often a target gets a higher probability than no target does; 50 is chance
    threshold: list[float]  # the curve, under the rules of `rela`
    giou: list[float]
    n_acc: list[float | None]
    t_acc: list[float | None]
    best_threshold: float  # highest gIoU on these very expressions, so an upper bound
    best_giou: float


class OfProtocol(msgspec.Struct, frozen=True):
    """The numbers under one protocol."""

    rules: str
    metrics: dict[str, Value]
    differences: dict[str, Value] = {}  # less those of the predictions that they are compared with


class OfSplit(msgspec.Struct, frozen=True):
    """The numbers of one split."""

    counts: dict[str, int]  # pictures, expressions, and those of each scenario
    protocols: dict[str, OfProtocol]
    giou_at_share: dict[str, float | None]  # gIoU under `rela`, if that share of the expressions had no target
    recall: dict[str, float | None]  # of annotated objects, percent, see `grisq.evaluation.recall`
    presence: Presence | None = None  # None if predictions have no probability


class Report(msgspec.Struct, frozen=True):
    """What `grisq score` found."""

    predictions: str
    data: str  # SHA-256 of grefs(unc).json
    release: str  # of gRefCOCO
    rules: dict[str, str | float]
    matching: dict[str, int]  # expressions, and what was missing, repeated or unknown
    splits: dict[str, OfSplit]
    compared_with: str | None = None
    matching_of_other: dict[str, int] | None = None  # the same of the predictions that these are compared with

    def table(self) -> pd.DataFrame:
        """A line for each split and protocol; text, percent with intervals."""
        lines = {}
        for split, found in self.splits.items():
            for name, outcome in found.protocols.items():
                lines[split, name] = {metric: value.describe() for metric, value in outcome.metrics.items()}
                if outcome.differences:
                    signed = {metric: _signed(value) for metric, value in outcome.differences.items()}
                    lines[split, f"{name}, difference"] = signed
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["split", "protocol"]).fillna("–")

    def to_text(self) -> str:
        """What a terminal shows: a block for each split and protocol, and what was found on the way."""
        lines = [f"{self.predictions}: {_listing(self.matching)}"]
        if self.matching_of_other is not None:
            lines.append(f"{self.compared_with}: {_listing(self.matching_of_other)}")
            lines.append(self._differences())
        lines += [f"release: {self.release}", _UNITS]
        for split, found in self.splits.items():
            lines += ["", f"{split}: {_listing(found.counts)}"]
            for outcome in found.protocols.values():
                lines += [outcome.rules, _vertical(outcome).to_string(index=False, justify="left")]
            lines.append(_further(found).to_string(index=False, justify="left"))
        return "\n".join(lines)

    def to_json(self) -> str:
        """Everything, as JSON; what has no value is null."""
        return msgspec.json.format(msgspec.json.encode(self)).decode() + "\n"

    def to_markdown(self) -> str:
        """Everything that a reader of a table needs next to it."""
        lines = [f"# {self.predictions}", ""]
        lines.append(f"Release: {self.release}; SHA-256 of `grefs(unc).json`: `{self.data[:12]}`.")
        lines.append("Rules: " + ", ".join(f"{name} {value}" for name, value in self.rules.items()) + ".")
        lines.append(f"Found: {_listing(self.matching)}.")
        if self.matching_of_other is not None:
            lines.append(f"Found in {self.compared_with}: {_listing(self.matching_of_other)}.")
            lines.append(self._differences())
        lines.append(_UNITS)
        for split, found in self.splits.items():
            lines += ["", f"## {split}", ""]
            lines.append(f"{_listing(found.counts)}.")
            for outcome in found.protocols.values():
                lines += ["", f"**{outcome.rules}**", "", markdown(_vertical(outcome))]
            lines += ["", "**Further** (rules of `rela`)", "", markdown(_further(found))]
        return "\n".join(lines) + "\n"

    def _differences(self) -> str:
        return f"Differences: {self.predictions} minus {self.compared_with}, paired by picture."


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
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold must lie from 0 to 1, not at {threshold}: it is a probability.")
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

    def scores(of: Measurements) -> Scores:
        return of.outcomes(square, chosen, data).scores(rules, threshold)

    mine = intervals.tally(images, scores(found))
    numbers = intervals.over_pictures(mine, shown, epsilon=rules.epsilon)
    exact = add_up(scores(found))[0]  # in the order of the rows, as `grisq eval` adds: the same to the last digit
    metrics = {
        _called(rules, name): Value(
            _number(metric_of(exact, name, rules.epsilon)), _number(each.low), _number(each.high)
        )
        for name, each in numbers.items()
    }
    if rules.name == "rrefcoco":
        outcome = found.outcomes(square, chosen, data)
        refs = data.expressions["ref_id"].to_numpy()[rows]
        by_ref = robustness.robustness(outcome.counts, outcome.scores(rules, threshold), refs)
        metrics = {
            "mIoU": _plain(by_ref.miou),
            **metrics,
            "r": _plain(by_ref.r),
            "rIoU": _plain(by_ref.riou),
        }
    differences = {}
    if other is not None:
        paired = intervals.over_pictures(
            mine, shown, minus=intervals.tally(images, scores(other)), epsilon=rules.epsilon
        )
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


def _listing(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _plain(value: float) -> Value:
    return Value(_number(value))


def _number(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else float(value)


def _listed(values: np.ndarray) -> list[float | None]:
    return [_number(float(value)) for value in values]


def _signed(value: Value) -> str:
    if value.value is None:
        return "–"
    interval = "" if value.low is None else f" ({value.low:+.1f} to {value.high:+.1f})"
    return f"{value.value:+.1f}{interval}"


def _vertical(outcome: OfProtocol) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(name, each.describe()) for name, each in outcome.metrics.items()], columns=["metric", "value"]
    )
    if outcome.differences:
        frame["difference"] = [_signed(outcome.differences.get(name, Value(None))) for name in outcome.metrics]
    return frame


def _further(found: OfSplit) -> pd.DataFrame:
    lines = {f"gIoU at a no-target share of {share}": value for share, value in found.giou_at_share.items()}
    if found.presence is not None:
        lines["AUROC of presence"] = found.presence.auroc
        lines[f"gIoU at the best threshold for this split, {found.presence.best_threshold:.2f}"] = (
            found.presence.best_giou
        )
    lines |= {f"recall: {name}": value for name, value in found.recall.items()}
    return pd.DataFrame(
        [(name, Value(value).describe()) for name, value in lines.items()], columns=["further", "value"]
    )
