"""Two runs compared on the same pictures, each under any rule about presence.

A run is named by its experiment, with "@" and a rule where presence is not decided by the model's own head:

rela          its presence head; the 50-pixel rule for a model without one
rela@pixels   the 50-pixel rule of Sec. 4.1
rela@truth    the annotation: perfect presence, the model's own masks
rela@masks    the model's own presence, perfect masks (IoU 1)
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from grisq.analysis.significance import contrast, difference, interval
from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.intervals import Difference, tally
from grisq.evaluation.metrics import NO_TARGET, metrics_of
from grisq.evaluation.outcomes import COLUMNS, RULES, Samples
from grisq.experiments.selection import Results, runs_of
from grisq.runtime.errors import InputError

MASKS = "masks"  # the rule that replaces masks in place of presence decisions
# Parts of a gap in gIoU, see `decompose_gap`.
GAP, PRESENCE, MASKS_PART, MARGIN = "total gap", "from presence", "from masks", "presence minus masks"
PRESENCE_NO_TARGET, PRESENCE_TARGETS = "from presence on no-target", "from presence on targets"


def experiment_of(run: str) -> str:
    """Return the experiment in the name of a run: "rela" of "rela@truth"."""
    return run.partition("@")[0]


def tallies(results: Results, run: str, split: str = "val") -> np.ndarray:
    """Sum the outcomes of a run per picture.

    Returns:
        (seeds, pictures, scenarios, columns) as `grisq.analysis.significance` takes them.
    Raises:
        InputError: the experiment was not run or not on this split, or the rule behind "@" is unknown.
    """
    name, _, rule = run.partition("@")
    if rule and rule not in (*RULES, MASKS):
        raise InputError(f"There is no presence rule {rule!r}: use {', '.join(RULES)} or {MASKS}, as in rela@truth.")
    stored = runs_of(results, name)
    if not stored:
        raise InputError(f"There is no result of {name!r}: run grisq experiments run {name}.")
    if any(split not in result.samples for result in stored):
        raise InputError(f"The results of {name!r} have no split {split!r}: use {', '.join(stored[0].samples)}.")
    return np.stack([_tally(result.samples[split], rule or "head") for result in stored])


def _tally(samples: Samples, rule: str) -> np.ndarray:
    if rule == MASKS:
        samples, rule = with_perfect_masks(samples), "head"
    return tally(np.array(samples.image), samples.scores(rule))


def with_perfect_masks(samples: Samples) -> Samples:
    """Replace every mask by the annotated one and keep the decision on presence."""
    presence = samples.presence
    if presence is None:  # the 50-pixel rule decides, on the masks that the model drew
        presence = [float(pixels >= RULES["pixels"].min_pixels) for pixels in samples.predicted]
    perfect = {"predicted": samples.annotated, "intersection": samples.annotated}
    return msgspec.structs.replace(samples, presence=presence, **perfect)


def means(results: Results, run: str, split: str = "val") -> dict[str, float]:
    """Average gIoU, cIoU, N-acc and T-acc of a run over its seeds, in percent. Raises: as `tallies`."""
    return {name: float(values.mean()) for name, values in metrics_of(tallies(results, run, split).sum(1)).items()}


def compare(results: Results, system: str, reference: str, metric: str, split: str = "val") -> Difference:
    """Compute how far one run lies above another in a metric, with its interval.

    Two rules applied to one experiment are compared training by training, two experiments are not paired.

    Args:
        results: by experiment and seed.
        system: the run that should be higher.
        reference: the run to compare it with.
        metric: one of `grisq.evaluation.metrics.METRICS`.
        split: of the data set.
    Raises:
        InputError: as `tallies`, and for an unknown metric.
    """
    pair = (tallies(results, run, split) for run in (system, reference))
    same = experiment_of(system) == experiment_of(reference)
    return difference(*pair, metric, same_trainings=same)


def contrast_of(results: Results, weights: Mapping[str, float], metric: str, split: str = "val") -> Difference:
    """Compute a weighted sum of runs' means over seeds, with its interval.

    The runs are of different experiments, or one experiment under several rules about presence, whose trainings are
    then summed one by one.

    Raises:
        InputError: as `compare`, and for a mixture of both.
    """
    names = {experiment_of(run) for run in weights}
    if 1 < len(names) < len(weights):
        raise InputError("A contrast needs different experiments, or one experiment under several rules.")
    sums = [tallies(results, run, split) for run in weights]
    return contrast(sums, [*weights.values()], metric, same_trainings=len(names) == 1)


def level_of(results: Results, run: str, metric: str, split: str = "val") -> Difference:
    """Compute the mean of a run over its seeds, with its interval. Raises: as `compare`."""
    return interval(tallies(results, run, split), metric)


def decompose_gap(results: Results, system: str, reference: str, split: str = "val") -> dict[str, Difference]:
    """Divide the gap in gIoU between two experiments into what presence decisions and what masks make of it.

    With a and b for the gIoU of system and reference, and a* and b* for the same under the true presence, the masks'
    part is a* - b* and that of presence (a - b) - (a* - b*): on no-target expressions the share of them that the system
    notices more often, on targets the IoU that wrong denials cost it less.

    Args and Raises: as `compare`.
    Returns:
        Each with its interval: GAP = PRESENCE_NO_TARGET + PRESENCE_TARGETS + MASKS_PART; PRESENCE, the sum of its two
        parts; and MARGIN, presence minus masks, which is positive where the gap comes mostly from presence.
    """
    parts = [_parts_of_giou(results, name, split) for name in (system, reference)]
    return {name: difference(parts[0][name], parts[1][name], "gIoU") for name in parts[0]}


def _parts_of_giou(results: Results, name: str, split: str) -> dict[str, np.ndarray]:
    """By part of the gap, tallies whose `iou` holds a system's share of it, up to a constant that is equal for all.

    Their other columns mean nothing. Each (S, P, 3, C).
    """
    own, truth = tallies(results, name, split), tallies(results, f"{name}@truth", split)
    iou, lost = list(COLUMNS).index("iou"), own - truth  # lost: what its presence decisions cost the system
    absent = np.arange(len(SCENARIOS)) == NO_TARGET  # under the truth these score 1 for every system

    def only(sums: np.ndarray, scenarios: np.ndarray | bool = True) -> np.ndarray:
        kept = own.copy()
        kept[..., iou] = np.where(scenarios, sums[..., iou], 0)
        return kept

    return {
        GAP: own,
        PRESENCE_NO_TARGET: only(lost, absent),
        PRESENCE_TARGETS: only(lost, ~absent),
        MASKS_PART: only(truth, ~absent),
        PRESENCE: only(lost),
        MARGIN: only(lost - truth),
    }
